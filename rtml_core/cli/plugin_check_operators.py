"""`rtml plugins check`: names, documentation and declared parameters of operators and of a plugin's settings."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from rtml_core.cli.plugin_check_findings import Finding, Subject
from rtml_core.errors import describe, listing
from rtml_core.operator import Operator
from rtml_core.params import ParamInfo, Params, describe_params

_PASCAL: Final = re.compile(r"[A-Z][a-z0-9]+([A-Z][A-Za-z0-9]*)*|[A-Z][A-Za-z0-9]*")
#: words by which a docstring says what comes in and goes out; one of them is enough
_SHAPES: Final = re.compile(
    r"\b(columns?|rows?|frames?|requests?|fields?|arrays?|vectors?|matri(x|ces)|scalars?|float(32|64)?|int(64)?|bool(ean)?s?"
    r"|strings?|texts?|timestamps?|timedeltas?|dates?|numbers?|numeric|labels?|documents?|payloads?)\b",
    re.IGNORECASE,
)
_LONGEST_SUMMARY: Final = 140


def check_operators(subject: Subject) -> Iterator[Finding]:
    """All operators of the plugin, each by itself."""
    names = subject.info.operators
    findings = [finding for name in names for finding in check_operator(subject.known.registry[name])]
    settings = subject.known.settings.get(subject.info.name)
    if settings is not None:
        findings += [finding for finding in check_params(settings, "settings") if finding.level == "warning"]
    yield from findings
    if names and not findings:
        yield Finding("ok", "operators", "", f"{listing(names)}: named, documented, parameters declared")


def check_operator(cls: type[Operator]) -> Iterator[Finding]:
    """Name, docstring and parameters of one operator."""
    name = cls.name
    if not name.isascii() or not _PASCAL.fullmatch(name):
        yield Finding("warning", "operators", name, "the name is no word like 'Haversine'", "write it in capitalized words, no _")
    if not cls.lowers() and cls.role != "authoring":
        cure = 'write compute or lower, or say role = "authoring"'
        yield Finding("warning", "operators", name, "it has no compiled form, so no graph with it compiles", cure)
    yield from _docstring(cls)
    yield from check_params(cls.Params, name)


def _docstring(cls: type[Operator]) -> Iterator[Finding]:
    text = inspect.cleandoc(cls.__doc__ or "")
    summary = text.split("\n\n")[0].replace("\n", " ").partition(". ")[0]
    if len(summary) > _LONGEST_SUMMARY:
        what = f"the first sentence of its docstring has {len(summary)} characters, and is the line in listings"
        yield Finding("warning", "operators", cls.name, what, f"say what it does in {_LONGEST_SUMMARY} characters or less")
    if not _SHAPES.search(text):
        cure = "say which columns come in and go out, with dtypes and units"
        yield Finding("warning", "operators", cls.name, "its docstring does not say what it takes and gives", cure)


# ---- parameters -------------------------------------------------------------------------------------------------


def check_params(params: type[Params], where: str) -> Iterator[Finding]:
    """Every parameter is explained, and its default is one that it would take."""
    for parameter in describe_params(params):
        if not parameter.text.strip():
            cure = f'write {parameter.name}: Annotated[..., doc("what it means")]'
            yield Finding("warning", "operators", where, f"parameter '{parameter.encode_name}' is not explained", cure)
        yield from _default(parameter, where)


def _default(parameter: ParamInfo, where: str) -> Iterator[Finding]:
    if parameter.required:
        return
    shown = f"parameter '{parameter.encode_name}'"
    if not parameter.opaque:
        try:
            msgspec.convert(_plain(parameter.default), parameter.type, builtin_types=(bytes, bytearray))
        except (msgspec.ValidationError, TypeError, ValueError):
            what = f"the default of {shown} is {describe(parameter.default)}, and it must be {parameter.expected}"
            yield Finding("error", "operators", where, what, "correct one of them")
            return
    try:
        json.dumps(_plain(parameter.default), allow_nan=False)
    except (TypeError, ValueError):
        what = f"the default of {shown}, {describe(parameter.default)}, is no JSON value"
        yield Finding("error", "operators", where, what, "graphs are JSON; use None, a text or a number for it")


def _plain(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    return list(value) if isinstance(value, tuple) else value
