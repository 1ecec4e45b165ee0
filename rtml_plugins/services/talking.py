"""What the commands share: finding the hub and the key, and saying what a server refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError

if TYPE_CHECKING:
    from rtml_core.client import Client, Refused

KEY_VARIABLE: Final = "RTML_API_KEY"
_MAX_KEY: Final = 4096
_SPAN: Final = re.compile(r"([0-9]{1,7})([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
#: fields that are wrong, of which so many are printed
_SHOWN: Final = 50


class RowsRefused(click.ClickException):
    """Rows that do not fit: something wrong was found in what was looked at, hence exit code 1, as of `rtml score`."""

    exit_code = 1


def share(text: str) -> float:
    """The fraction that "0.1" or "10%" says, as type of options and arguments; a usage error unless it is 0 to 1."""
    try:
        found = float(text.strip()[:-1]) / 100 if text.strip().endswith("%") else float(text)
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 1.0:
        raise click.BadParameter(f"{text!r} is no share: expected a fraction like 0.1 or a percentage like 10%")
    return found


def span(text: str, option: str) -> float:
    """Seconds that a span like "600", "10m", "24h" or "7d" is; a usage error of the option for another text."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no span of time: expected e.g. 0, 600, 10m, 24h or 7d", param_hint=option)
    return float(int(found[1]) * _SECONDS[found[2]])


def hub_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--hub`, `--key-file` and `--ca`, which come to the command as keyword arguments of these names."""
    for option in (
        click.option("--ca", metavar="FILE", help="Certificates of authorities (PEM) instead of the usual ones."),
        click.option("--key-file", metavar="FILE", help="File with the API key; else RTML_API_KEY, which ps does not show."),
        click.option("--hub", metavar="URL", help="The hub; else RTML_HUB, else http://127.0.0.1:8000."),
    ):
        command = option(command)
    return command


json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def read_key(path: str | None) -> str | None:
    """The key in a file, None without one; RtmlError when there is none in it. Never shows what is in it."""
    if path is None:
        return None
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_MAX_KEY + 1)
    except OSError as error:
        raise RtmlError(f"{path} can't be read: {error.strerror or error}") from None
    lines = content.decode("utf-8", "replace").split()
    if len(lines) != 1 or len(content) > _MAX_KEY:
        raise RtmlError(f"{path} holds no API key: expected one line, as `rtml keys create` prints it")
    return lines[0]


@contextmanager
def talking(hub: str | None, key_file: str | None, ca: str | None, **more: Any) -> Iterator[Client]:
    """A client for a command; what it raises becomes one sentence with the cure."""
    from rtml_core.client import Client, HubAway, InvalidInput, NotAllowed, Refused

    key = read_key(key_file)
    client = Client(hub, key=key, ca=ca, **more)
    with client:
        try:
            yield client
        except HubAway as error:
            if error.arrived:
                raise
            why = "; ".join(dict.fromkeys(tried.why for tried in error.tried))
            if "certificate is not trusted" in why:
                raise RtmlError(f"The hub at {client.hub} is not asked ({why}): name who vouches for it with --ca") from None
            raise RtmlError(
                f"No hub answers at {client.hub}{f' ({why})' if why else ''}: start one with `rtml up`, or name another with"
                f" --hub"
            ) from None
        except InvalidInput as error:
            raise RowsRefused(_by_field(error)) from None
        except NotAllowed as error:
            missing = error.status == 401 and key is None and not os.environ.get(KEY_VARIABLE)
            cure = f". Give a key with --key-file or {KEY_VARIABLE}" if missing else ""
            raise RtmlError(_by_field(error).rstrip(".") + cure if cure else _by_field(error)) from None
        except Refused as error:
            raise RtmlError(_by_field(error)) from None


def _by_field(error: Refused) -> str:
    """The sentence of a refusal. Several fields that it names are printed before it, a line each."""
    if not error.errors or error.kind == "package-refused":  # its sentence names the differences, and the cure
        return error.detail
    lines = [f"{entry.get('at') or '/'}: {_said(entry)}" for entry in error.errors]
    if len(lines) == 1:
        return f"{error.address} refuses it: {lines[0]}"
    for line in [*lines[:_SHOWN], *([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])]:
        click.echo(line, err=True)
    return f"{error.address} refuses it: {len(lines)} values do not fit, each named above"


def _said(entry: dict[str, Any]) -> str:
    expected, got = entry.get("expected"), entry.get("got")
    if expected is None and got is None:
        return str(entry.get("detail") or entry.get("message") or "refused")
    return f"expected {expected}, got {got}"


def print_json(value: Any) -> None:
    """A record, or records, as JSON with two blanks of indent."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def moment(text: str | None) -> str:
    """A time of a record, to the second and readable: "2026-11-21 10:15:00Z"."""
    return "" if not text else text[:19].replace("T", " ") + "Z"
