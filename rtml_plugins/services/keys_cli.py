"""`rtml keys`: over HTTP, or in the folder of a hub: for the first key, and when nobody has one any more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from rtml_core.errors import RtmlError
from rtml_plugins.services.talking import hub_options, json_option, moment, print_json, span, talking
from rtml_plugins.serving.keys import SCOPES
from rtml_plugins.serving.tables import table

if TYPE_CHECKING:
    from rtml_core.client.records import Key, NewKey

_EXAMPLE: Final = """\b
Example:
  rtml keys create --home hub --scope admin --name me
  rtml keys create --scope predict --service churn --name 'shop front' --expires 90d
  rtml keys list
  rtml keys revoke 3f9c0a1b2d4e
"""


class _Keys(Protocol):
    """What both ways can do."""

    def keys(self) -> Sequence[Key]: ...

    def create_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        services: Sequence[str] | None = None,
        expires: str | None = None,
        rate: float | None = None,
        regions: Sequence[str] | None = None,
    ) -> NewKey: ...

    def rotate_key(self, key: str, *, overlap: float | None = None) -> NewKey: ...

    def revoke_key(self, key: str, *, force: bool = False) -> Any: ...


class _Folder:
    """The keys of a hub whose database is at hand."""

    def __init__(self, keys: Any):
        self._keys = keys

    def keys(self) -> Sequence[Key]:
        found: Sequence[Key] = self._keys.list()
        return found

    def create_key(self, name: str, scopes: Sequence[str], **limits: Any) -> NewKey:
        made: NewKey = self._keys.create(name, scopes, **limits)
        return made

    def rotate_key(self, key: str, *, overlap: float | None = None) -> NewKey:
        made: NewKey = self._keys.rotate(key) if overlap is None else self._keys.rotate(key, overlap=overlap)
        return made

    def revoke_key(self, key: str, *, force: bool = False) -> Any:
        return self._keys.revoke(key, force=force)


def _places(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the keys are: a hub over HTTP, or `--home` or `--database` of one."""
    home = click.option("--home", metavar="DIR", help="The folder of a hub on this machine, instead of asking it over HTTP.")
    database = click.option("--database", metavar="URL", help="The database of a hub, instead of asking it over HTTP.")
    return home(database(hub_options(command)))


@contextmanager
def _reached(
    home: str | None, database: str | None, hub: str | None, key_file: str | None, ca: str | None, *, fresh: bool = False
) -> Iterator[_Keys]:
    """The keys there. fresh: a folder may become the home of a hub by this."""
    if home is None and database is None:
        with talking(hub, key_file, ca) as client:
            yield client
        return
    over_http = [name for name, given in (("--hub", hub), ("--key-file", key_file), ("--ca", ca)) if given is not None]
    if over_http or (home is not None and database is not None):
        other = "--database" if not over_http else over_http[0]
        raise click.UsageError(f"{'--home' if home else '--database'} and {other} exclude one another: name one place")
    from rtml_plugins.hub.database import open_database
    from rtml_plugins.hub.keys import Keys
    from rtml_plugins.hub.settings import HubSettings

    settings = HubSettings(home=str(Path(home or ".").absolute()), database=database)
    known = (settings.folder / "hub.db").is_file() or settings.elsewhere.is_file()
    if home is not None and not fresh and not known:
        raise RtmlError(f"{home} is not the home of a hub: it has no hub.db. Where it is, the hub says when it starts")
    if home is not None and settings.elsewhere.is_file():
        where = settings.elsewhere.read_text().strip()
        raise RtmlError(f"the hub of {home} keeps its database elsewhere: name it with --database {where} instead of --home")
    opened = open_database(settings.database_url)
    try:
        yield _Folder(Keys(opened))
    finally:
        opened.close()


@click.group("keys", epilog=_EXAMPLE)
def keys() -> None:
    """Make, list, rotate and revoke API keys.

    Asks the hub (--hub, else RTML_HUB) with a key of scope admin (RTML_API_KEY, or --key-file). With --home it writes to the
    hub's own database instead: whoever may write there needs no key, so that is how the first key is made, and how a hub is
    opened again whose last admin key is lost.
    """


@keys.command(
    "create",
    epilog="\b\nExample:\n  rtml keys create --home hub --scope admin --name me\n"
    "  rtml keys create --scope predict --service churn --name shop --expires 90d -o shop.key\n",
)
@click.option("--name", required=True, help="Stands in the audit log for whoever has the key.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="What it may do (repeatable).")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only for this service (repeatable) [default: all].")
@click.option(
    "--region", "regions", multiple=True, metavar="NAME", help="Of scope edge: only this one (repeatable) [default: all]."
)
@click.option("--expires", metavar="WHEN", help="90d, 12h, 2031-01-31 or 2031-01-31T18:00:00Z [default: never].")
@click.option("--rate", type=float, metavar="N", help="Requests a second at most [default: no limit].")
@click.option("-o", "--output", metavar="FILE", help="Write the secret to a new file that only you can read; else it is printed.")
@json_option
@_places
def create(
    name: str,
    scopes: tuple[str, ...],
    services: tuple[str, ...],
    regions: tuple[str, ...],
    expires: str | None,
    rate: float | None,
    output: str | None,
    as_json: bool,
    **place: str | None,
) -> None:
    """Make a key and show its secret, this once.

    predict: score. publish: publish and steer services. debug: features computed on the way, packages. edge: what an edge asks.
    admin: everything.
    """
    with _secret_file(output) as write, _reached(**place, fresh=True) as there:
        first = not there.keys()
        made = there.create_key(name, scopes, services=services or None, regions=regions or None, expires=expires, rate=rate)
        write(made.secret)
    _show(made, output, as_json)
    if first:
        click.echo("It is the first: from now on the hub asks everybody for a key, edges for one of scope edge", err=True)


@keys.command("list", epilog="\b\nExample:\n  rtml keys list\n  rtml keys list --home hub --json\n")
@click.option("--all", "every", is_flag=True, help="Those that ended, too.")
@json_option
@_places
def list_keys(every: bool, as_json: bool, **place: str | None) -> None:
    """List keys, newest first. Secrets are kept nowhere: the last four characters tell them apart."""
    with _reached(**place) as there:  # type: ignore[arg-type]
        found = there.keys()
    shown = [key for key in found if every or _state(key) == "valid"]
    if as_json:
        print_json(shown)
        return
    if not shown:
        ended = f"; {len(found)} ended: --all shows them" if found else ", so the hub asks for none"
        click.echo(f"There is no valid key{ended}" if found else f"There is no key{ended}")
        return
    rows = [
        (
            key.id,
            key.name,
            ", ".join(key.scopes),
            _limits(key) or "all",
            "" if key.rate is None else f"{key.rate:g}/s",
            _state(key),
            moment(key.expires) or "never",
            f"...{key.last_four}",
            moment(key.created),
            key.created_by,
        )
        for key in shown
    ]
    headers = ("id", "name", "scopes", "services", "rate", "state", "expires", "secret", "made", "by")
    click.echo(table(headers, rows, {1: 30, 3: 30}))


@keys.command("revoke", epilog="\b\nExample:\n  rtml keys revoke 3f9c0a1b2d4e\n")
@click.argument("key")
@click.option("--force", is_flag=True, help="Also the last valid key with the scope admin.")
@_places
def revoke(key: str, force: bool, **place: str | None) -> None:
    """End a key, by its id, now: at the hub, and at edges within seconds."""
    with _reached(**place) as there:  # type: ignore[arg-type]
        there.revoke_key(key, force=force)
    click.echo(f"Revoked {key}")


@keys.command("rotate", epilog="\b\nExample:\n  rtml keys rotate 3f9c0a1b2d4e --overlap 24h\n")
@click.argument("key")
@click.option(
    "--overlap", default="1h", show_default=True, metavar="SPAN", help="How long the old secret goes on, e.g. 10m; 0: not."
)
@click.option("-o", "--output", metavar="FILE", help="Write the secret to a new file that only you can read; else it is printed.")
@json_option
@_places
def rotate(key: str, overlap: str, output: str | None, as_json: bool, **place: str | None) -> None:
    """Make a new secret, with a new id, for the same name, scopes, services and rate."""
    seconds = span(overlap, "--overlap")
    with _secret_file(output) as write, _reached(**place) as there:  # type: ignore[arg-type]
        made = there.rotate_key(key, overlap=seconds)
        write(made.secret)
    _show(made, output, as_json)


def _state(key: Key) -> str:
    from datetime import UTC, datetime

    if key.revoked is not None:
        return "revoked"
    return "valid" if key.expires is None or datetime.fromisoformat(key.expires) > datetime.now(UTC) else "expired"


@contextmanager
def _secret_file(path: str | None) -> Iterator[Callable[[str], None]]:
    """Writes a secret to a new file. The file comes before the key, so no secret is lost to a folder that can't be written."""
    if path is None:
        yield lambda _: None
        return
    try:
        stream = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")  # noqa: SIM115 - closed below
    except FileExistsError:
        raise RtmlError(f"{path} exists; a secret is written to a new file: name another") from None
    except OSError as error:
        raise RtmlError(f"{path} can't be written: {error.strerror}") from None
    written = False

    def write(secret: str) -> None:
        nonlocal written
        stream.write(secret + "\n")
        stream.flush()
        written = True

    try:
        with stream:
            yield write
    finally:
        if not written:
            Path(path).unlink(missing_ok=True)


def _limits(key: Key) -> str:
    """What a key is for, when that is not everything."""
    return ", ".join([*(key.services or ()), *(f"region {region}" for region in key.regions or ())])


def _show(made: NewKey, output: str | None, as_json: bool) -> None:
    """The secret on stdout, so that it can be piped; what goes with it on stderr."""
    key = made.key
    if as_json:
        print_json(made)
        return
    until = f", until {moment(key.expires)}" if key.expires else ""
    limits = _limits(key)
    services = f" for {limits}" if limits else ""
    where = f"its secret is in {output}" if output else "this is the only time its secret is shown; send it in RTML_API_KEY"
    click.echo(f"Made the key '{key.name}', id {key.id}, scopes {', '.join(key.scopes)}{services}{until}: {where}", err=True)
    if output is None:
        click.echo(made.secret)
