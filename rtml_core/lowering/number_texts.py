"""Texts that say a number: one grammar, on Python's texts and as ONNX.

Read as pandas.to_numeric reads them, blanks around them and infinity included, up to 20 digits before the point, 30 behind it
and an exponent up to 249 (float64 ends at 308). Here every text is read by itself, into float64.
"""

from __future__ import annotations

import math
import re
from typing import Final

import onnx_ir as ir

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where

_BLANK: Final = r"[\t\n\x0b\x0c\r ]*"
#: a text that is a number; the same in Python's and in RE2's syntax
NUMBER: Final = (
    rf"{_BLANK}[+\-]?(?:(?:[0-9]{{1,20}}(?:\.[0-9]{{0,30}})?|\.[0-9]{{1,30}})(?:[eE][+\-]?0*(?:[0-9]{{1,2}}|1[0-9]{{2}}|2[0-4][0-9]))?"
    rf"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?){_BLANK}"
)
_READS: Final = re.compile(NUMBER)
#: a text that is a whole number of 64 bits, whatever its digits are
WHOLE: Final = rf"{_BLANK}[+\-]?[0-9]{{1,18}}{_BLANK}"
_READS_WHOLE: Final = re.compile(WHOLE)


def read(text: str) -> float | None:
    """The number that a text says, NaN for the empty text, None for one that is no number."""
    if not text:
        return math.nan
    return float(text) if _READS.fullmatch(text) else None


def emit(b: Builder, texts: ir.Value) -> ir.Value:
    """Texts [N, k] as float64, NaN where one says no number."""
    valid = b.op("RegexFullMatch", texts, dtype="bool", pattern=NUMBER)
    # onnxruntime refuses the whole batch for one text that is no number, or one beyond float64
    safe = where(b, valid, texts, b.const([["0"]], "string"))
    return where(b, valid, b.cast(safe, "float64"), b.const([[math.nan]], "float64"))


def read_whole(text: str) -> int | None:
    """The whole number that a text says, None for one that says none."""
    return int(text) if _READS_WHOLE.fullmatch(text) else None


def emit_whole(b: Builder, texts: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Texts [N, k] as int64, and which of them say a whole number; 0 where one says none."""
    valid = b.op("RegexFullMatch", texts, dtype="bool", pattern=WHOLE)
    return b.cast(where(b, valid, texts, b.const([["0"]], "string")), "int64"), valid
