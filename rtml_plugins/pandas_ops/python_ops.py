"""Custom operators for methods that ONNX can't say exactly: declarations only, cheap to import. Bodies: pandas_ops.bodies.

Each body is Python's own function, the one that pandas calls for a column of Python strings.
"""

from __future__ import annotations

from typing import Any, Final

from rtml_core import CustomOp

_BODIES: Final = "rtml_plugins.pandas_ops.bodies"
_CASES: Final = "rtml_plugins.pandas_ops.op_cases"
_TEXT: Final = ("string",)


def _text_op(name: str, doc: str, **more: Any) -> CustomOp:
    """An operator from texts to texts that asks Python's Unicode tables."""
    return CustomOp("rtml.pandas", name, 1, _TEXT, _TEXT, f"{_BODIES}:{name}", doc, unicode=True, **more)


TITLE: Final = _text_op("title", "str.title: every word in title case, words being runs of letters.")
CAPITALIZE: Final = _text_op("capitalize", "str.capitalize: the first character in title case, the others in lower case.")
SWAPCASE: Final = _text_op("swapcase", "str.swapcase: upper case letters in lower case and the other way round.")
CASEFOLD: Final = _text_op("casefold", "str.casefold: texts that differ in case only become equal.")
NORMALIZE: Final = _text_op(
    "normalize",
    "unicodedata.normalize: one of the forms NFC, NFD, NFKC and NFKD.",
    arguments={"form": "string"},
    cases=f"{_CASES}:normalize",
)
REGEX_TEST: Final = CustomOp(
    "rtml.pandas",
    "regex_test",
    1,
    _TEXT,
    ("bool",),
    f"{_BODIES}:regex_test",
    'Whether a regular expression of Python\'s re matches somewhere (how="search"), at the start ("match") or the whole'
    ' text ("fullmatch").',
    arguments={"pattern": "string", "flags": "int", "how": "string"},
    cases=f"{_CASES}:regex_test",
    unicode=True,
)
REGEX_REPLACE: Final = _text_op(
    "regex_replace",
    "re.sub: matches of a regular expression replaced, the first `count` of them or, with 0, all.",
    arguments={"pattern": "string", "flags": "int", "replacement": "string", "count": "int"},
    cases=f"{_CASES}:regex_replace",
)
REGEX_GROUP: Final = _text_op(
    "regex_group",
    "A group of the first match of a regular expression, missing where nothing matches or the group takes no part.",
    arguments={"pattern": "string", "flags": "int", "group": "int"},
    cases=f"{_CASES}:regex_group",
    gives_missing=True,
)
REGEX_COUNT: Final = CustomOp(
    "rtml.pandas",
    "regex_count",
    1,
    _TEXT,
    ("int64",),
    f"{_BODIES}:regex_count",
    "How often a regular expression matches.",
    arguments={"pattern": "string", "flags": "int"},
    cases=f"{_CASES}:regex_count",
    unicode=True,
)
WRAP: Final = CustomOp(
    "rtml.pandas",
    "wrap",
    1,
    _TEXT,
    _TEXT,
    f"{_BODIES}:wrap",
    "textwrap: texts broken into lines of at most `width` characters.",
    arguments={"width": "int", "options": "object"},
    cases=f"{_CASES}:wrap",
)
REPLACE: Final = CustomOp(
    "rtml.pandas",
    "replace",
    1,
    _TEXT,
    _TEXT,
    f"{_BODIES}:replace",
    "str.replace: a literal text replaced, the first `count` times or, with -1, everywhere.",
    arguments={"old": "string", "new": "string", "count": "int"},
    cases=f"{_CASES}:replace",
)
FLOAT_TEXT: Final = CustomOp(
    "rtml.pandas",
    "float_text",
    1,
    ("float64",),
    _TEXT,
    f"{_BODIES}:float_text",
    "Floats as Python writes them: the shortest text that reads back as the same number, 1.0, 1e+16, inf.",
)
FLOAT32_TEXT: Final = CustomOp(
    "rtml.pandas",
    "float32_text",
    1,
    ("float32",),
    _TEXT,
    f"{_BODIES}:float_text",
    "float32 numbers as numpy writes them: the shortest text that reads back as the same float32.",
)
STRFTIME: Final = CustomOp(
    "rtml.pandas",
    "strftime",
    1,
    ("timestamp",),
    _TEXT,
    f"{_BODIES}:strftime",
    "Timestamps written by a format, with English names and the calendar of datetime.",
    arguments={"format": "string", "padded": "bool"},
    cases=f"{_CASES}:strftime",
)

READ_DATETIME: Final = CustomOp(
    "rtml.pandas",
    "read_datetime",
    1,
    _TEXT,
    ("timestamp", "int64"),
    f"{_BODIES}:read_datetime",
    "Texts read as timestamps by a format, as to_datetime does. The second output is 0 for what was read, 1 for what is no such"
    " timestamp, 2 for what has no answer of its own: the clock, nanoseconds, years before the first.",
    arguments={"format": "string"},
    cases=f"{_CASES}:read_datetime",
    gives_missing=True,
    unicode=True,
)

CUSTOM_OPS: Final = [
    TITLE, CAPITALIZE, SWAPCASE, CASEFOLD, NORMALIZE, REGEX_TEST, REGEX_REPLACE, REGEX_GROUP, REPLACE, FLOAT_TEXT, FLOAT32_TEXT,
    STRFTIME, READ_DATETIME, REGEX_COUNT, WRAP,
]  # fmt: skip
