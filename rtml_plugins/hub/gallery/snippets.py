"""A request as code: curl, Python, JavaScript. Whatever stands in a row means the same there, quoted as each of them quotes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

#: where a key is taken from: it never stands in code
KEY: Final = "RTML_API_KEY"
#: the address of an edge, where none is known
ANY_EDGE: Final = "https://edge.example.com"
#: whole numbers beyond this are not exact in JavaScript
_EXACT: Final = 2**53 - 1
_WIDE: Final = 80


@dataclass(frozen=True, slots=True)
class Snippet:
    """id: of its element; title: of its tab; code: as it is copied; note: what it needs."""

    id: str
    title: str
    code: str
    note: str = ""


def path_of(service: str, version: int | None = None) -> str:
    """Where an edge scores with a service, or with one version of it."""
    number = "" if version is None else f"/versions/{version}"
    return f"/v1/services/{quote(service, safe='')}{number}/predict"


def snippets(
    row: bytes, *, edge: str | None, service: str, version: int | None, region: str | None, hub: str, keyed: bool
) -> tuple[Snippet, ...]:
    """The request that scores a row. row: a JSON object. edge: the address of one, None when none is known. version: None by
    traffic. keyed: whether edges ask for a key."""
    url = f"{(edge or ANY_EDGE).rstrip('/')}{path_of(service, version)}"
    values: Mapping[str, Any] = msgspec.json.decode(row)
    return (
        Snippet("code-curl", "curl", curl(url, row, keyed)),
        Snippet("code-client", "Python", client(service, values, version, region, hub, keyed), "With rtml's client."),
        Snippet("code-httpx", "Python, httpx", httpx(url, values, keyed), "Without rtml: pip install httpx."),
        Snippet("code-js", "JavaScript", javascript(url, row, values, keyed), "An ES module, in Node or a browser."),
    )


def curl(url: str, row: bytes, keyed: bool) -> str:
    """For a POSIX shell."""
    lines = [f"curl --silent --show-error {shlex.quote(url)}", "--header 'Content-Type: application/json'"]
    if keyed:
        lines.append(f'--header "Authorization: Bearer ${KEY}"')
    # In an argument "@file" would be read from a file; a row begins with a brace, and --data-raw takes nothing for a file.
    lines.append(f"--data-raw {shlex.quote(row.decode())}")
    return " \\\n  ".join(lines)


def client(service: str, row: Mapping[str, Any], version: int | None, region: str | None, hub: str, keyed: bool) -> str:
    """With rtml_core.client, which finds an edge itself and takes the key from the environment."""
    options = [repr(hub), *([f"region={region!r}"] if region else [])]
    more = "" if version is None else f", version={version}"
    take = f"  # takes the key from {KEY}" if keyed else ""
    return (
        f"from rtml_core.client import Client\n\nrow = {python(row)}\n"
        f"with Client({', '.join(options)}) as client:{take}\n"
        f"    print(dict(client.predict({service!r}, row{more})))"
    )


def httpx(url: str, row: Mapping[str, Any], keyed: bool) -> str:
    """With httpx."""
    start = "import os\n\nimport httpx" if keyed else "import httpx"
    key = f', headers={{"Authorization": f"Bearer {{os.environ[\'{KEY}\']}}"}}' if keyed else ""
    return (
        f"{start}\n\nrow = {python(row)}\n"
        f"answer = httpx.post({url!r}, json=row{key}, timeout=10.0)\n"
        f'print(answer.raise_for_status().json()["predictions"])'
    )


def javascript(url: str, row: bytes, values: Mapping[str, Any], keyed: bool) -> str:
    """With fetch. A row with whole numbers that JavaScript can't hold is sent as text."""
    exact = all(type(value) is not int or abs(value) <= _EXACT for value in values.values())
    body = "JSON.stringify(row)" if exact else "row"
    literal = _object(values) if exact else json.dumps(row.decode())
    # U+2028 and U+2029 may stand in strings of JavaScript since 2019
    key = f"\n    Authorization: `Bearer ${{process.env.{KEY}}}`," if keyed else ""
    return (
        f"const row = {literal};\n"
        f"const answer = await fetch({json.dumps(url)}, {{\n"
        f'  method: "POST",\n'
        f'  headers: {{\n    "Content-Type": "application/json",{key}\n  }},\n'
        f"  body: {body},\n"
        f"}});\n"
        f"if (!answer.ok) throw new Error(await answer.text());\n"
        f"console.log((await answer.json()).predictions);"
    )


def python(row: Mapping[str, Any]) -> str:
    """A row as a literal of Python: on one line when it is short."""
    return _braces([f"{key!r}: {value!r}" for key, value in row.items()])


def _object(row: Mapping[str, Any]) -> str:
    """A row as a literal of JavaScript. "__proto__" as a plain key would set the prototype; numbers are what they are in JSON."""
    keys = {name: f"[{json.dumps(name)}]" if name == "__proto__" else json.dumps(name) for name in row}
    return _braces([f"{keys[name]}: {json.dumps(value)}" for name, value in row.items()])


def _braces(entries: Iterable[str]) -> str:
    parts = list(entries)
    short = f"{{{', '.join(parts)}}}"
    return short if len(short) <= _WIDE else "{\n" + "".join(f"    {part},\n" for part in parts) + "}"
