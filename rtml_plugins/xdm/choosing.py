"""What the parameter `paths` says: names of columns, where their values are, what is taken of them and of which type they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import ParamError, RtmlError, close_match, describe, listing
from rtml_plugins.xdm.paths import PatternStep, join_pattern, pattern
from rtml_plugins.xdm.plan import TAKES, TOTALS, Choice

if TYPE_CHECKING:
    from rtml_plugins.xdm.fieldtypes import FieldType
    from rtml_plugins.xdm.schema import Schema

#: what a choice may say beside path and take: what fields say (rtml_core.columns.parse_signature)
FIELD_KEYS: Final = ("type", "categories", "min", "max", "default", "doc")
_KEYS: Final = ("path", "take", *FIELD_KEYS)
#: the type of a field by its XDM type; whole numbers of a long are exact in float64, which a missing one needs
WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("byte", "short", "int", "long"), "int"),
    **dict.fromkeys(("number", "double"), "float"),
    **dict.fromkeys(("date", "date-time"), "timestamp"),
    "string": "string",
    "boolean": "bool",
}
_IMPLIED: Final = {"count": "int", "any": "bool", "sum": "float"}


class Chosen:
    """One column: name, choice, and what its field says so far, with or without a type."""

    def __init__(self, name: str, given: Any):
        if not isinstance(name, str):
            raise ParamError(f"parameter 'paths' must name columns by texts; got {describe(name)}")
        said: Mapping[str, Any] = {"path": given} if isinstance(given, str) else given
        unknown = [key for key in said if key not in _KEYS] if isinstance(said, Mapping) else []
        if not isinstance(said, Mapping) or unknown:
            hint = close_match(str(unknown[0]), _KEYS) if unknown else ""
            raise ParamError(
                f"parameter 'paths': '{name}' must be a path or an object of {listing(_KEYS)}; got {describe(given)}.{hint}"
            )
        self.name = name
        try:
            self.steps = pattern(said.get("path", name))
        except RtmlError as error:
            raise ParamError(f"parameter 'paths': '{name}': {error}") from None
        if not self.steps or not isinstance(self.steps[0], str):
            raise ParamError(
                f"parameter 'paths': '{name}' must begin with a key of the document; got {describe(said.get('path'))}"
            )
        take = said.get("take", "")
        if take not in TAKES and take != "":
            raise ParamError(
                f"parameter 'paths': take of '{name}' must be one of {listing(TAKES)}; got {describe(take)}."
                f"{close_match(str(take), TAKES)}"
            )
        self.many = not all(isinstance(step, (str, int)) for step in self.steps)
        if self.many and not take:
            raise ParamError(
                f"parameter 'paths': '{name}' has [*], which stands for many values: say what is taken of them, one of"
                f' {listing(TAKES)}, e.g. "take": "last"'
            )
        self.choice = Choice(join_pattern(self.steps), take)
        self.field = {key: said[key] for key in FIELD_KEYS if key in said}

    @property
    def base(self) -> str:
        """The word of the type without its "?"."""
        return str(self.field["type"]).removesuffix("?")

    def check_take(self) -> None:
        """Raise ParamError where what is taken can't have the type."""
        allowed = TAKES.get(self.choice.take)
        if allowed is not None and self.base not in allowed:
            raise ParamError(
                f"parameter 'paths': '{self.name}' takes the {self.choice.take}, which is {' or '.join(allowed)}; got type"
                f" {describe(self.field['type'])}"
            )

    def to_json(self) -> dict[str, Any]:
        """The same choice, with all that is known."""
        take = {"take": self.choice.take} if self.choice.take else {}
        return {"path": self.choice.path, **take, **self.field}


def chosen(paths: Any) -> list[Chosen]:
    """The columns of a parameter: {name: path or object}, or a list of paths. Raises ParamError."""
    if isinstance(paths, Mapping):
        made = [Chosen(name, given) for name, given in paths.items()]
    elif isinstance(paths, Sequence) and not isinstance(paths, str):
        made = [Chosen(path, path) for path in paths]
    else:
        made = []
    names = [column.name for column in made]
    if not made or len(set(names)) < len(names):
        raise ParamError(
            'parameter \'paths\' must be an object of columns and paths, e.g. {"page": "web.webPageDetails.name"}, or a list of'
            f" different paths, at least one; got {describe(paths)}"
        )
    return made


def resolve_types(columns: Sequence[Chosen], schema: Schema | None) -> None:
    """Give each column its type where it does not say one: by what is taken, by the schema. Raises ParamError for one without."""
    for column in columns:
        if "type" not in column.field:
            column.field = {"type": _type_of(column, schema), **column.field}
        column.check_take()


def _type_of(column: Chosen, schema: Schema | None) -> str:
    take = column.choice.take
    if take in ("count", "any"):
        return _IMPLIED[take]
    if schema is None:
        if take in _IMPLIED:
            return _IMPLIED[take]
        raise ParamError(
            f"parameter 'paths': '{column.name}' needs a type, as no schema says which it has: add e.g. \"type\": \"string?\""
            " (one of float, int, bool, string, timestamp, with ? when it may be missing), or name a schema"
        )
    kind = type_at(schema, column.steps)
    if kind is not None and kind.type == "array" and take:
        kind = kind.items
    if kind is None:
        raise ParamError(
            f"parameter 'paths': the schema {schema.title} has nothing at {describe(column.choice.path)}, of '{column.name}': "
            + _known(schema, column.steps)
        )
    if kind.type not in WORDS:
        raise ParamError(
            f"parameter 'paths': {describe(column.choice.path)}, of '{column.name}', is of type {kind.type} in the schema"
            f" {schema.title}, and a column holds texts, numbers, true or false, or timestamps: name a field below, or take"
            ' "count" or "any"'
        )
    if take == "sum" and WORDS[kind.type] not in TAKES["sum"]:
        return "float"  # which check_take lets pass, and documents with texts there are refused
    return WORDS[kind.type] + ("" if take in TOTALS or column.field.get("default") is not None else "?")


def type_at(schema: Schema, steps: Sequence[PatternStep]) -> FieldType | None:
    """What a schema says of the values at a pattern."""
    path: list[str | int] = []
    for step in steps:
        if isinstance(step, str):
            path.append(step)
        elif isinstance(step, int):
            path.append(max(step, 0))
        else:
            above = schema.type_at(path)
            path.append("any" if above is not None and above.type == "map" else 0)
    return schema.type_at(path)


def _known(schema: Schema, steps: Sequence[PatternStep]) -> str:
    """What the schema has as far as it follows the path."""
    for until in range(len(steps) - 1, -1, -1):
        kind = type_at(schema, steps[:until])
        if kind is not None:
            names = list(kind.properties)
            where = f"in {join_pattern(steps[:until])}" if until else "at its top"
            return f"it has {listing(names)} {where}.{close_match(str(steps[until]), names)}"
    return "it has no fields"
