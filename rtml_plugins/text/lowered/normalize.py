"""Texts brought into one form: a table over all characters, and two patterns for blanks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import MISSING_STRING
from rtml_core.lowering.characters import Mapping, map_characters, mapping_from
from rtml_core.lowering.strings import lower
from rtml_core.lowering.symbolic import Symbolic, apply_table, keep_missing, new, value_of

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder
    from rtml_plugins.text.normalize import TextNormalize

#: images of the single bytes and of the padding
_SINGLE: Final = 257


def normalized(b: Builder, column: Symbolic, operator: TextNormalize) -> Symbolic:
    """A string column, normalised; missing stays missing."""
    found = apply_table(b, column, operator.cleaned, "string")
    if found is not None:
        return found
    p = operator.params
    value = value_of(b, lower(b, column)) if p.case == "lower" else value_of(b, column)
    mapping = _mapping(operator)
    if len(mapping.images) > _SINGLE or any(operator.image(char) != char for char in map(chr, range(1, 128))):
        rows = b.op("Concat", value, b.const([["x"]], "string"), axis=0, shape=[None, 1])
        mapped = map_characters(b, rows, mapping)
        value = b.op("Slice", mapped, b.const([0], "int64"), b.const([-1], "int64"), width=1)
    if p.blanks:
        for pattern, target in ((r"\A +| +\z", ""), (" {2,}", " ")):
            value = b.ext(
                "StringRegexReplace", value, b.const([pattern], "string"), b.const([target], "string"), global_replace=1
            )
    # the character that stands for a missing text may not survive the table
    survives = operator.cleaned(MISSING_STRING) == MISSING_STRING
    return new("string", value if survives else keep_missing(b, column, value), nullable=column.nullable)


_MAPPINGS: dict[tuple[Any, ...], Mapping] = {}


def _mapping(operator: TextNormalize) -> Mapping:
    """The table over all characters, made once. "ascii" drops most of what is not ASCII."""
    p = operator.params
    key = (p.case, p.accents, p.punctuation, p.digits, p.blanks)
    if key not in _MAPPINGS:
        drops = p.accents == "ascii"
        _MAPPINGS[key] = mapping_from(operator.image, lambda text: operator.image(text) == ("" if drops else text), drops=drops)
    return _MAPPINGS[key]
