"""Bodies of the custom operators: Python and numpy only, as a runtime runs them. Columns [N] in, one column [N] out."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from rtml_plugins.pandas_ops.calendar import writer
from rtml_plugins.pandas_ops.datetimes import reader

Array = np.ndarray[Any, Any]


def texts_of(items: Iterable[Any]) -> Array:
    """Texts (or None) as an object array [N]."""
    return np.array(list(items), dtype=object)


def title(texts: Array) -> Array:
    return texts_of(text.title() for text in texts)


def capitalize(texts: Array) -> Array:
    return texts_of(text.capitalize() for text in texts)


def swapcase(texts: Array) -> Array:
    return texts_of(text.swapcase() for text in texts)


def casefold(texts: Array) -> Array:
    return texts_of(text.casefold() for text in texts)


def normalize(texts: Array, form: Any) -> Array:
    return texts_of(unicodedata.normalize(form, text) for text in texts)


@lru_cache(maxsize=1024)
def _pattern(pattern: str, flags: int) -> re.Pattern[str]:
    """The cache of re itself is small, and compiling takes longer than matching."""
    return re.compile(pattern, flags)


def regex_test(texts: Array, pattern: str, flags: int, how: str) -> Array:
    compiled = _pattern(pattern, flags)
    found: Callable[[str], Any] = {"search": compiled.search, "match": compiled.match, "fullmatch": compiled.fullmatch}[how]
    return np.fromiter((found(text) is not None for text in texts), dtype=np.bool_, count=len(texts))


def regex_replace(texts: Array, pattern: str, flags: int, replacement: str, count: int) -> Array:
    compiled = _pattern(pattern, flags)
    return texts_of(compiled.sub(replacement, text, count) for text in texts)


def regex_group(texts: Array, pattern: str, flags: int, group: int) -> Array:
    matches = map(_pattern(pattern, flags).search, texts)
    return texts_of(None if match is None else match.group(group) for match in matches)


def regex_count(texts: Array, pattern: str, flags: int) -> Array:
    find = _pattern(pattern, flags).findall
    return np.fromiter((len(find(text)) for text in texts), dtype=np.int64, count=len(texts))


def wrap(texts: Array, width: int, options: dict[str, Any]) -> Array:
    wrapper = textwrap.TextWrapper(width=width, **options)
    return texts_of("\n".join(wrapper.wrap(text)) for text in texts)


def replace(texts: Array, old: str, new: str, count: int) -> Array:
    return texts_of(text.replace(old, new, count) for text in texts)


def float_text(numbers: Array) -> Array:
    return texts_of(map(str, numbers.tolist() if numbers.dtype == np.float64 else numbers))


def strftime(times: Array, format: str, padded: bool) -> Array:
    write = writer(format, padded)
    return texts_of(write(micros) for micros in times.view(np.int64).tolist())


def read_datetime(texts: Array, format: str) -> tuple[Array, Array]:
    read = reader(format)
    found = np.array([read(text) for text in texts], dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(found[:, 0]).view("datetime64[us]"), np.ascontiguousarray(found[:, 1])
