"""`rtml profile export`, `erase` and `erasures`: everything that is known of a person handed out, and erased."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtml_core.errors import RtmlError, describe
from rtml_core.timestamps import format_timestamp
from rtml_plugins.profile.ingest_cli import printable
from rtml_plugins.profile.profile_cli import (
    IdentityType,
    as_json_text,
    far,
    home_options,
    hub_options,
    identity_argument,
    json_option,
    moment,
    nobody,
    print_json,
    reading,
    writing,
)
from rtml_plugins.serving.tables import plural, table

if TYPE_CHECKING:
    from rtml_plugins.profile.identity import Identity


@click.command("export", epilog="\b\nExample:\n  rtml profile export Email:ann@example.com --to ann.json\n")
@identity_argument
@click.option("--to", "target", metavar="FILE", help="Write it there; else to the output.")
@hub_options
@home_options
def export(identity: Any, target: str | None, home: str | None, store: str | None) -> None:
    """Everything that profiles know of a person, as one JSON document."""
    with far(home, store) as client:
        if client is not None:
            found: dict[str, Any] | None = client.export_profile(identity.namespace, identity.id)
        else:
            with reading(home, store) as profiles:
                found = profiles.export(identity)
    if found is None:
        raise nobody(identity)
    text = as_json_text(found)
    if target is None:
        click.echo(text)
        return
    file = Path(target)
    unfinished = file.with_name(f".{file.name}.part")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_text(f"{text}\n")
        unfinished.replace(file)
    except OSError as error:
        raise RtmlError(f"{describe(target)} can't be written: {error.strerror or error}") from None
    click.echo(f"{target}: {plural(len(found['identities']), 'identity', 'identities')}, {plural(len(found['events']), 'event')}")


@click.command("erase", epilog="\b\nExample:\n  rtml profile erase Email:ann@example.com --yes\n")
@identity_argument
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--actor", metavar="NAME", help="Who asks for it, for the trail; else who runs the command.")
@json_option
@hub_options
@home_options
def erase(identity: Any, yes: bool, actor: str | None, as_json: bool, home: str | None, store: str | None) -> None:
    """Erase a person, with all identities, from profiles and datasets. It can't be undone.

    A line is left in the trail of erasures: when, who asked, how much it was, and keyed digests of the identities.
    """
    with far(home, store) as client:
        if client is not None:
            if actor is not None:
                raise click.UsageError("a hub's trail says whose key it was: leave out --actor with --hub")
            _sure(printable(str(identity)), yes)
            done = client.erase_profile(identity.namespace, identity.id)
            if as_json:
                print_json(done)
            else:
                click.echo(_erased(identity, done.found, done.identities, done.events, done.records))
            return
    with writing(home, store) as opened:
        known, _ = opened.profiles.identities(identity)
        if known:
            _sure(printable(", ".join(f"{one.namespace}:{one.id}" for one in known)), yes)
        erased, records = opened.erase(identity, actor or getpass.getuser())
    if as_json:
        print_json({**_fields(erased), "records": records})
    else:
        click.echo(_erased(identity, bool(erased.persons or records), len(erased.keys), erased.events, records))


def _sure(names: str, yes: bool) -> None:
    """Ask whether persons are to be erased. Raises RtmlError where nobody can be asked, Abort at a no."""
    if not yes:
        if not sys.stdin.isatty():
            raise RtmlError(f"{names} would be erased for good: add --yes")
        click.confirm(f"Erase {names} for good?", abort=True)


def _erased(identity: Identity, found: bool, identities: int, events: int, records: int) -> str:
    if not found:
        return f"nobody is known as {printable(str(identity))}; the trail says that it was asked for"
    said = f"{plural(identities, 'identity', 'identities')}, {plural(events, 'event')} of profiles"
    return f"erased: {said}, {plural(records, 'record')} of datasets"


def _fields(struct: Any) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(struct))


@click.command("erasures", epilog="\b\nExample:\n  rtml profile erasures --of Email:ann@example.com\n")
@click.option("--of", "identity", type=IdentityType(), help="Only those of this identity.")
@json_option
@home_options
def erasures(identity: Any, as_json: bool, home: str | None, store: str | None) -> None:
    """Show the trail of erasures, which names nobody."""
    from rtml_plugins.profile.erasing import digests

    with reading(home, store) as profiles:
        lines = profiles.erasures()
        if identity is not None:
            digest = digests(profiles.store, [identity.key])[0]
            lines = [line for line in lines if digest in line.digests]
    if as_json:
        print_json([_fields(line) | {"at": format_timestamp(line.at)} for line in lines])
        return
    rows = [
        (moment(line.at), printable(line.actor), str(line.persons), f"{len(line.digests):,}", f"{line.events:,}")
        for line in lines
    ]
    click.echo(table(("time", "asked by", "persons", "identities", "events"), rows))
