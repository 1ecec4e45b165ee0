"""`rtml profile`: who a person is, what is known, what happened; exported and erased. Other modules add commands (LATER)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError
from rtml_core.timestamps import EXPECTED, format_timestamp, parse_timestamp
from rtml_plugins.profile.ingest_cli import printable, require_extra
from rtml_plugins.serving.tables import table

if TYPE_CHECKING:
    from rtml_core.client import Client
    from rtml_core.client.records import PersonProfile
    from rtml_plugins.profile.home import DataHome
    from rtml_plugins.profile.identity import Identity
    from rtml_plugins.profile.profiles import Profiles
    from rtml_plugins.profile.records import Profile

_EXAMPLE: Final = """\b
Example:
  rtml profile lookup ECID:38652 --field person.name
  rtml profile events CRMID:31260XYZ --latest --limit 10
  rtml profile linking set --priority CRMID --priority ECID --unique CRMID
"""
#: commands of the group that are imported when they are asked for: name -> module:object
LATER: Final[Mapping[str, str]] = {
    "export": "rtml_plugins.profile.erasing_cli:export",
    "erase": "rtml_plugins.profile.erasing_cli:erase",
    "expire": "rtml_plugins.profile.expire_cli:expire",
    "erasures": "rtml_plugins.profile.erasing_cli:erasures",
    "policies": "rtml_plugins.profile.settings_cli:policies",
    "linking": "rtml_plugins.profile.settings_cli:linking",
    "consent": "rtml_plugins.profile.settings_cli:consent",
    "training-frame": "rtml_plugins.profile.training_cli:training_frame",
}
#: characters of a value in a table
_WIDEST: Final = 100
#: events that are printed unless another number is asked for
_EVENTS: Final = 20


class _Group(click.Group):
    """A group some of whose commands lie in other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        module, name = LATER[cmd_name].split(":")
        found: click.Command = getattr(import_module(module), name)
        return found


@click.group("profile", cls=_Group, epilog=_EXAMPLE)
def profile() -> None:
    """Look up, export and erase persons; set how profiles are merged and linked."""


# ---- what the commands share ------------------------------------------------------------------------------------------


#: where the options of a hub are kept while a command runs
_HUB: Final = "rtml.profile.hub"
_KEY_FILE: Final = "rtml.profile.key_file"
_CA: Final = "rtml.profile.ca"


def _keep(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def kept(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        context.meta[name] = value

    return kept


def hub_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--hub`, `--key-file` and `--ca`, for `far`."""
    key = "File with the hub's API key; else RTML_API_KEY, which ps does not show."
    ca = "Certificates of authorities (PEM) instead of the usual ones."
    for option in (
        click.option("--ca", metavar="FILE", expose_value=False, callback=_keep(_CA), help=ca),
        click.option("--key-file", metavar="FILE", expose_value=False, callback=_keep(_KEY_FILE), help=key),
        click.option("--hub", metavar="URL", expose_value=False, callback=_keep(_HUB), help="Ask a hub instead."),
    ):
        command = option(command)
    return command


@contextmanager
def far(home: str | None, store: str | None) -> Iterator[Client | None]:
    """The hub that is named with --hub; None without it."""
    context = click.get_current_context()
    url = context.meta.get(_HUB)
    if url is None:
        yield None
        return
    if home is not None or store is not None:
        raise click.UsageError("--home and --profiles are for this machine: leave them out with --hub")
    with context.obj(url, context.meta.get(_KEY_FILE), context.meta.get(_CA)) as client:
        yield client


def home_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--home` and `--profiles`, as keyword arguments home and store."""
    for option in (
        click.option(
            "--profiles", "store", metavar="URL", help="The store of profiles, e.g. redis://...; else SQLite in the folder."
        ),
        click.option("--home", metavar="FOLDER", help="Folder of datasets and profiles; else that of the hub of `rtml up`."),
    ):
        command = option(command)
    return command


json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class IdentityType(click.ParamType[Any]):
    """NAMESPACE:ID."""

    name = "NAMESPACE:ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from rtml_plugins.profile.identity import IdentityError, parse_text

        try:
            return parse_text(value) if isinstance(value, str) else value
        except IdentityError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[Any]):
    """A timestamp, as us since the epoch."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        found = parse_timestamp(value)
        if found is None:
            self.fail(f"{value!r} is no time: expected {EXPECTED}", param, ctx)
        return found


identity_argument: Final = click.argument("identity", type=IdentityType(), metavar="NAMESPACE:ID")


@contextmanager
def reading(home: str | None, store: str | None) -> Iterator[Profiles]:
    """Profiles, for looking at them: also while a hub has them open."""
    from rtml_plugins.profile.profiles import Profiles
    from rtml_plugins.profile.store import open_store
    from rtml_plugins.xdm.datasets_folder import default_data

    if store is None:
        file = (Path(home) if home else default_data()) / "profiles.db"
        if not file.exists():
            raise RtmlError(
                f"there are no profiles in {file.parent}: `rtml ingest` makes the first, or name a folder with --home"
            )
        store = f"sqlite:///{file.absolute()}"
    with open_store(store) as opened:
        yield Profiles(opened)


@contextmanager
def writing(home: str | None, store: str | None) -> Iterator[DataHome]:
    """Datasets and profiles, for changing them: while nobody else has them open."""
    require_extra()
    from rtml_plugins.profile.home import default_data, open_home

    with open_home(Path(home) if home else default_data(), store) as opened:
        yield opened


def print_json(value: Any) -> None:
    """A value as JSON, indented; structs as objects."""
    click.echo(as_json_text(value))


def as_json_text(value: Any) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def moment(at: int) -> str:
    """A time as people read it, to the second."""
    return f"{format_timestamp(at)[:19]}Z"


def nobody(identity: Identity) -> RtmlError:
    """The error for an identity that nobody is known by."""
    return RtmlError(
        f"nobody is known as {printable(str(identity))}. Namespaces are compared without case, ids with it: `rtml profile"
        f" identities` of another identity of the person shows them all"
    )


def cell(value: Any) -> str:
    """A JSON value in a table."""
    import msgspec

    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return printable(text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}...")


# ---- commands -----------------------------------------------------------------------------------------------------------


@profile.command("lookup", epilog="\b\nExample:\n  rtml profile lookup ECID:38652 --field person.name --field identities\n")
@identity_argument
@click.option(
    "--field", "fields", multiple=True, metavar="PATH", help='Only this, e.g. person.name, or "identities" (repeatable).'
)
@click.option("--policy", metavar="ID", help="Merge policy; else the default one.")
@json_option
@hub_options
@home_options
def lookup(
    identity: Any, fields: tuple[str, ...], policy: str | None, as_json: bool, home: str | None, store: str | None
) -> None:
    """Show what is known of a person, by any of its identities."""
    with far(home, store) as client:
        if client is not None:
            said = client.profile(identity.namespace, identity.id, fields=fields or None, policy=policy)
            found: PersonProfile | None = said
        else:
            with reading(home, store) as profiles:
                found = _told(profiles.lookup(identity, fields or None, policy))
    if found is None:
        raise nobody(identity)
    if as_json:
        print_json(found)
        return
    if not fields:
        click.echo(f"person    {found.person}, version {found.version}, changed {found.changed[:19]}Z")
        click.echo(f"policy    {printable(found.policy)}")
        click.echo(f"sources   {printable(', '.join(found.sources)) or 'none'}")
        click.echo(
            f"consent   {printable(', '.join(f'{what}: {said}' for what, said in found.consent.items())) or 'nothing said'}"
        )
    for known in found.identities:
        click.echo(printable(f"identity  {known.namespace}:{known.id}"))
    rows = [(printable(name), cell(value)) for name, value in _flat(found.attributes)]
    if rows:
        click.echo()
        click.echo(table(("attribute", "value"), rows))


def _told(found: Profile | None) -> PersonProfile | None:
    """A person as a hub would tell it."""
    from rtml_core.client.records import PersonIdentity, PersonProfile

    if found is None:
        return None
    identities = tuple(
        PersonIdentity(one.namespace, one.id, one.state, format_timestamp(one.first), format_timestamp(one.last), one.events)
        for one in found.identities
    )
    changed = format_timestamp(found.changed)
    sources = tuple(found.sources)
    return PersonProfile(found.person, found.version, found.policy, changed, found.attributes, identities, sources, found.consent)


def _flat(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    from rtml_plugins.xdm.paths import join

    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, name))
        else:
            yield join((*path, name)), value


@profile.command("events", epilog="\b\nExample:\n  rtml profile events ECID:38652 --start 2026-11-01 --limit 100\n")
@identity_argument
@click.option("--start", type=Moment(), help="From this time on.")
@click.option("--end", type=Moment(), help="Before this time.")
@click.option("--limit", type=click.IntRange(1, 1000), default=_EVENTS, show_default=True, help="So many at most.")
@click.option("--latest", is_flag=True, help="The latest first.")
@json_option
@hub_options
@home_options
def events(
    identity: Any,
    start: int | None,
    end: int | None,
    limit: int,
    latest: bool,
    as_json: bool,
    home: str | None,
    store: str | None,
) -> None:
    """Show what a person did, in order of time."""
    with far(home, store) as client:
        if client is not None:
            first, last = (None if at is None else format_timestamp(at) for at in (start, end))
            told = client.profile_events(identity.namespace, identity.id, start=first, end=last, limit=limit, descending=latest)
            documents = list(told.events)
        else:
            with reading(home, store) as profiles:
                if profiles.lookup(identity, ["identities"]) is None:
                    raise nobody(identity)
                documents = [one.document for one in profiles.events(identity, start, end, limit, latest)]
    if as_json:
        print_json(documents)
        return
    rows = [tuple(cell(document.get(name, "")) for name in ("timestamp", "eventType", "_id")) for document in documents]
    click.echo(table(("time", "type", "id"), rows))
    if len(documents) == limit:
        click.echo(f"... the first {limit}; --limit shows more")


@profile.command("identities", epilog="\b\nExample:\n  rtml profile identities ECID:38652\n")
@identity_argument
@json_option
@home_options
def identities(identity: Any, as_json: bool, home: str | None, store: str | None) -> None:
    """Show the identities of a person, and the links that make them one."""
    with reading(home, store) as profiles:
        known, links = profiles.identities(identity)
    if not known:
        raise nobody(identity)
    if as_json:
        print_json({"identities": known, "links": links})
        return
    rows = [
        (printable(f"{one.namespace}:{one.id}"), one.state, f"{one.events:,}", moment(one.first), moment(one.last))
        for one in known
    ]
    click.echo(table(("identity", "state", "events", "first", "last"), rows))
    if links:
        click.echo()
        click.echo(
            table(("linked", "with", "last"), [(printable(one.one), printable(one.other), moment(one.at)) for one in links])
        )
