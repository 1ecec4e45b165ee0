"""Declared, validated parameters of operators.

A `Params` class is a set of annotated fields; values are JSON values (and, where a field says so, Python objects that an
operator knows how to turn into JSON). Every violation has one message form:
    Pandas: parameter 'cols' must be a column name or a list of them; got 3
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, Union, get_args, get_origin

import msgspec

from rtml_core.errors import ParamError, close_match, describe, listing


class Secret:
    """A text that nothing shows: repr, str and format give ***, and neither JSON nor pickle takes it; `reveal` gives the text.

    For the settings of a plugin (the hook rtml_settings): passwords, tokens, keys.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str):
        if not isinstance(text, str):
            raise TypeError("a secret must be a text")
        self._text = text

    def reveal(self) -> str:
        """The text itself; give it to what needs it, and to no message."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled: another process reads its own settings")


#: what is shown in place of a secret
HIDDEN: Final = "***"


def doc(text: str, expected: str | None = None) -> msgspec.Meta:
    """Metadata for `Annotated`: what a parameter means, and how to say what it must be."""
    return msgspec.Meta(description=text, extra={"expected": expected} if expected else None)


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of the parameters of an operator. Fields without a default are required.

    A field whose name would be a Python keyword ends in an underscore in Python and not in JSON (`import_`).
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)

    @classmethod
    def parse(cls, operator: str, values: Mapping[str, Any]) -> Self:
        """Validated parameters from a mapping; raises ParamError naming operator, parameter, expectation and value."""
        fields = {field.encode_name: field for field in describe_params(cls)}
        given: dict[str, Any] = {}
        for name, value in values.items():
            plain = name[:-1] if isinstance(name, str) and name.endswith("_") else name
            if plain not in fields:
                raise ParamError(
                    f"{operator}: unknown parameter '{name}'. It has: {listing(fields)}.{close_match(str(name), fields)}"
                )
            if plain in given:
                raise ParamError(f"{operator}: parameter '{plain}' is given twice, as '{plain}' and '{plain}_'")
            given[plain] = value
        for name, field in fields.items():
            if field.required and name not in given:
                raise ParamError(f"{operator}: parameter '{name}' is missing; it must be {field.expected}")
        converted: dict[str, Any] = {}
        for name, value in given.items():
            field = fields[name]
            try:
                converted[field.name] = msgspec.convert(value, field.type, builtin_types=_BUILTIN) if not field.opaque else value
            except (msgspec.ValidationError, TypeError, ValueError):
                raise ParamError(f"{operator}: parameter '{name}' must be {field.expected}; got {describe(value)}") from None
        made = cls(**converted)
        try:
            made.validate()
        except ParamError as error:
            raise ParamError(f"{operator}: {error}") from None
        return made

    def validate(self) -> None:
        """Cross-field conditions; override and raise ParamError("parameter 'x' must ...; got ...")."""

    def to_json(self) -> dict[str, Any]:
        """The parameters that differ from their defaults, under their JSON names."""
        result: dict[str, Any] = {}
        for field in describe_params(type(self)):
            value = getattr(self, field.name)
            if field.required or value != field.default:
                result[field.encode_name] = value
        return result


_BUILTIN = (bytes, bytearray)


class ParamInfo(msgspec.Struct, frozen=True):
    """One declared parameter, for listings and messages."""

    name: str
    encode_name: str
    type: Any
    required: bool
    default: Any
    expected: str
    text: str
    opaque: bool


_INFO_CACHE: dict[type, tuple[ParamInfo, ...]] = {}


def describe_params(cls: type[Params]) -> tuple[ParamInfo, ...]:
    """The declared parameters of a Params class, in order. Raises ParamError when an annotation is no type."""
    if cls not in _INFO_CACHE:
        try:
            hints = typing.get_type_hints(cls, include_extras=True)
        except Exception as error:  # an annotation in quotes may say anything
            raise ParamError(
                f"an annotation of {cls.__qualname__} is no type here: {type(error).__name__}: {error}; import what it names,"
                " and not under TYPE_CHECKING only"
            ) from None
        _INFO_CACHE[cls] = tuple(_info(field, hints[field.name]) for field in msgspec.structs.fields(cls))
    return _INFO_CACHE[cls]


def _info(field: msgspec.structs.FieldInfo, annotation: Any) -> ParamInfo:
    text, expected = "", None
    bare = annotation
    if get_origin(annotation) is Annotated:
        bare = get_args(annotation)[0]
        for meta in get_args(annotation)[1:]:
            if isinstance(meta, msgspec.Meta):
                text = meta.description or text
                expected = (meta.extra or {}).get("expected", expected)
    default = field.default
    if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    plain = field.encode_name[:-1] if field.encode_name.endswith("_") else field.encode_name
    return ParamInfo(
        name=field.name,
        encode_name=plain,
        type=annotation,
        required=default is msgspec.NODEFAULT,
        default=None if default is msgspec.NODEFAULT else default,
        expected=expected or words(bare),
        text=text,
        opaque=bare is Any,
    )


_WORDS: dict[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    Any: "a value",
    dict: "an object",
    list: "a list",
    Secret: "a secret text",
    Path: "a path",
}
_PLURALS: dict[Any, str] = {
    str: "strings",
    int: "whole numbers",
    float: "numbers",
    bool: "booleans",
    dict: "objects",
    Any: "values",
}


def words(annotation: Any) -> str:
    """A type annotation as words for people: `list[str] | None` -> "a list of strings or null"."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return words(args[0])
    if origin in (Union, types.UnionType):
        return " or ".join(words(arg) for arg in args)
    if origin is Literal:
        return "one of " + ", ".join(repr(arg) for arg in args)
    if origin is list:
        return f"a list of {_PLURALS.get(args[0], 'values')}"
    if origin is tuple:
        return (
            f"a list of {len(args)} {_PLURALS.get(args[0], 'values')}"
            if ... not in args
            else f"a list of {_PLURALS.get(args[0], 'values')}"
        )
    if origin is dict:
        return f"an object of {_PLURALS.get(args[1], 'values')}"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def holds_secret(annotation: Any) -> bool:
    """Whether a type has a Secret in it, also inside of lists, objects and structs."""
    return _holds_secret(annotation, ())


def _holds_secret(annotation: Any, inside: tuple[type, ...]) -> bool:
    """inside: structs that are being looked at, as one may hold another of its kind."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation in inside:
            return False
        return any(_holds_secret(field.type, (*inside, annotation)) for field in msgspec.structs.fields(annotation))
    return annotation is Secret or any(_holds_secret(part, inside) for part in get_args(annotation))


class NoParams(Params):
    """For operators without parameters."""

    empty: ClassVar[bool] = True
