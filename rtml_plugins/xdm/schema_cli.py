"""`rtml xdm`: schemas listed and shown, documents checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec

from rtml_plugins.serving.tables import plural, table

if TYPE_CHECKING:
    from rtml_plugins.xdm.nodes import Node
    from rtml_plugins.xdm.reading import Format
    from rtml_plugins.xdm.schema import Schema, Schemas
    from rtml_plugins.xdm.spelling import Spelling

#: how deep `show` draws a schema that holds itself or is deeper than a terminal is wide
_DEEPEST = 20
_EXAMPLE = """\b
Example:
  rtml xdm schemas
  rtml xdm show shop-event
  rtml xdm check events.jsonl --schema shop-event
"""

schemas_option = click.option(
    "--schemas",
    "folders",
    multiple=True,
    metavar="FOLDER",
    help="Folder, file or bundle with schemas, besides those that come with rtml. May be given several times.",
)


def known_schemas(folders: tuple[str, ...]) -> Schemas:
    """The schemas that come with rtml, and those of the folders. Raises SchemaError."""
    from rtml_plugins.xdm.schema import builtin, load

    return builtin() | load(*folders)


@click.group("xdm", epilog=_EXAMPLE)
def xdm() -> None:
    """List and show XDM schemas, and check documents against them."""


def _example(*lines: str) -> str:
    return "\b\nExample:\n" + "".join(f"  rtml xdm {line}\n" for line in lines)


@xdm.command("schemas", epilog=_example("schemas", "schemas --schemas ./schemas --all"))
@schemas_option
@click.option("--all", "everything", is_flag=True, help="Also the classes, field groups and data types that schemas are made of.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_schemas(folders: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """List schemas, and say which of them do not resolve."""
    schemas = known_schemas(folders)
    shown = [schema for schema in schemas if everything or schema.role == "schema"]
    rows = [_described(schema) for schema in shown]
    if as_json:
        _print_json(rows)
        return
    headers = ["name", "kind", "is a", "fields", "title", "$id"]
    cells = [[str(row[key]) for key in ("name", "kind", "role", "fields", "title", "id")] for row in rows]
    click.echo(table(headers, cells, {4: 40}))
    for row in rows:
        if row["problem"]:
            click.echo(f"{row['name']} does not resolve: {row['problem']}")
    left = len(schemas) - len(shown)
    if left:
        click.echo(f"{plural(left, 'part')} of schemas not shown: rtml xdm schemas --all")


def _described(schema: Schema) -> dict[str, Any]:
    from rtml_plugins.xdm.errors import SchemaError

    row: dict[str, Any] = {"name": schema.name, "id": schema.id, "title": schema.title, "role": schema.role}
    try:
        return {**row, "kind": schema.kind, "fields": len(schema.fields()), "problem": None}
    except SchemaError as error:
        return {**row, "kind": "?", "fields": "?", "problem": str(error)}


@xdm.command("show", epilog=_example("show shop-event", "show shop-profile --json > shop-profile.json"))
@click.argument("name")
@schemas_option
@click.option("--spelling", type=click.Choice(["standard", "compatible"]), help="Instead of the one the schema's files have.")
@click.option("--json", "as_json", is_flag=True, help="The resolved schema as one JSON Schema document.")
def show(name: str, folders: tuple[str, ...], spelling: Spelling | None, as_json: bool) -> None:
    """Show the fields of a schema (its $id, short name or title) as a tree.

    An asterisk marks what must be there; [] an element of an array, {} a value of a map.
    """
    schema = known_schemas(folders).get(name)
    if as_json:
        _print_json(schema.document(spelling))
        return
    click.echo(f"{schema.title} ({schema.kind}, {schema.role})  {schema.id}")
    if schema.description:
        click.echo(schema.description)
    lines = list(_lines(schema.tree(spelling), 1, ()))
    names, types = (min(max((len(line[at]) for line in lines), default=0), most) for at, most in ((0, 60), (1, 40)))
    for name, kind, title in lines:
        click.echo(_plain(f"{name:<{names}}  {kind:<{types}}  {title}".rstrip()))
    for field in schema.identities:
        click.echo(f"identity: {'.'.join(field.path)} in {field.namespace}{', primary' if field.primary else ''}")


def _lines(node: Node, depth: int, above: tuple[Node, ...]) -> Iterator[tuple[str, str, str]]:
    from rtml_plugins.xdm.fieldtypes import field_type
    from rtml_plugins.xdm.nodes import Node

    shape, above = node.shape, (*above, node)
    below = [(name + ("*" if name in shape.required else ""), child) for name, child in shape.properties.items()]
    if isinstance(shape.additional, Node):
        below.append(("{}", shape.additional))
    if isinstance(shape.items, Node):
        below.append(("[]", shape.items))
    for name, child in below:
        kind = field_type(child)
        words = [kind.type, *([f"({kind.format})"] if kind.format not in (None, kind.type) else [])]
        if kind.enum is not None:
            words.append("one of " + ", ".join(str(option) for option in kind.enum))
        again = child in above
        yield "  " * depth + name, " ".join(words), "... as above" if again else kind.title or ""
        if not again and depth < _DEEPEST:
            yield from _lines(child, depth + 1, above)


@xdm.command("check", epilog=_example("check events.jsonl --schema shop-event", "check - --schema order --schemas ./schemas"))
@click.argument("file", metavar="FILE|-")
@click.option("--schema", "name", required=True, help="$id, short name or title of the schema.")
@schemas_option
@click.option(
    "--format", "file_format", type=click.Choice(["jsonl", "json", "parquet"]), help="Of the file; found out by itself."
)
@click.option("--spelling", type=click.Choice(["standard", "compatible"]), help="Of the records; found out if not given.")
@click.option("--refuse-empty", is_flag=True, help='Refuse "", [] and {} too, as Platform asks producers to leave them out.')
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Most violations told of one record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for every refused record.")
def check(
    file: str,
    name: str,
    folders: tuple[str, ...],
    file_format: Format | None,
    spelling: Spelling | None,
    refuse_empty: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Check records, JSON lines, a JSON array or Parquet, against a schema; exit status 1 when some are refused.

    Every violation is told with the number of the record, the place in it as a JSON pointer, and the keyword of the schema.
    """
    from rtml_plugins.xdm.reading import read_records
    from rtml_plugins.xdm.validate import Validator, Violation

    validator = Validator(known_schemas(folders).get(name), spelling=spelling, empty=not refuse_empty)
    tell = _tell_json if as_json else _tell
    records = refused = 0
    for record in read_records(sys.stdin.buffer if file == "-" else file, file_format):
        records += 1
        if record.problem is not None:
            found = [Violation(record.problem.at, record.problem.keyword, record.problem.message)]
        else:
            found = validator.check(record.document, limit)
        if found:
            refused += 1
            tell(record.number, found)
    summary = f"{plural(records, 'record')} checked against {validator.schema.name}, {refused:,} refused"
    click.echo(summary, err=as_json)
    if refused:
        click.get_current_context().exit(1)


def _tell(number: int, found: list[Any]) -> None:
    for violation in found:
        click.echo(_plain(f"record {number}  {violation.at or '/'}  {violation.keyword}: {violation.message}"))


def _tell_json(number: int, found: list[Any]) -> None:
    click.echo(msgspec.json.encode({"record": number, "violations": found}).decode())


def _plain(text: str) -> str:
    """Without control characters: what a file says must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
