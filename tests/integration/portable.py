"""Graphs of every kind that is portable, rows for them, and what rtml's runtime answers: what other readers are held against."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from rtml_core import CustomOp, Graph, Operator
from rtml_core import operators as op
from rtml_core.compiler import Compiled
from rtml_core.custom_ops import apply
from rtml_core.errors import InputError
from rtml_core.lowering.custom import custom

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "docs" / "examples"

Row = dict[str, Any]

#: texts that a reader of another language may get wrong: beyond the basic plane, composed, right to left, almost missing
TEXTS: Final = [
    "",
    " ",
    "DE",
    "de",
    "Straße",
    "é",
    "e\u0301",
    "𝄞 clef",
    "👩\u200d👩\u200d👧",
    "مرحبا",
    "a\ufdd0b",
    '"quoted"\n\\',
    "0",
    None,
]
MOMENTS: Final = [
    "2026-11-21T10:15:00Z", "2026-11-21 10:15", "2024-02-29T23:59:59.999999Z", "1999-12-31T23:59:59.123456789+05:30",
    "0001-01-01", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5-00:01", "1900-03-01Z", "2000-02-29T00:00:00+0000", None,
]  # fmt: skip
NUMBERS: Final = [0.0, -0.0, 1.0, 0.1, -2.5, 1e-300, 1e300, 5e-324, 123456789.123, 2.0**53, None]
WHOLES: Final = [0, 1, -1, 7, 2**53 + 1, -(2**53) - 1, 2**62 + 1]


def numbers() -> Graph:
    """Arithmetic on a field of each type that is no text, all passed on."""
    schema = {"a": "float?", "b": "float", "n": "int", "m": "int?", "k": "bool", "l": "bool?"}
    return (
        op.Receiver(schema=schema)
        >> op.Pandas(import_="eval", kwargs={"expr": "c = a * b + 0.1"})
        >> op.Pandas(import_="fillna", cols="m", kwargs={"value": -1.0}, into="filled")
        >> op.Pandas(import_="gt", cols="n", kwargs={"other": 3}, into="many")
        >> op.Pandas(import_="clip", cols="b", kwargs={"lower": -1.0, "upper": 1.0}, into="limited")
    )


def categories() -> Graph:
    """Texts that standard ONNX can do: looked up, compared, one-hot, passed on."""
    return (
        op.Receiver(schema={"country": "string?", "text": "string"})
        >> op.Pandas(
            import_="map", cols="country", kwargs={"func": {"DE": "Europe", "Straße": "👩\u200d👩\u200d👧"}}, into="region"
        )
        >> op.Pandas(import_="isna", cols="country", into="none")
        >> op.OneHotEncoder(cols="country", categories=["DE", "de", "é"], handle_unknown="ignore")
    )


def texts() -> Graph:
    """Texts with operators of onnxruntime-extensions."""
    return (
        op.Receiver(schema={"text": "string?"})
        >> op.Pandas(import_="str.strip", cols="text", into="stripped")
        >> op.Pandas(import_="str.upper", cols="text", into="upper")
        >> op.Pandas(import_="str.contains", cols="text", kwargs={"pat": "e|a"}, into="found")
        >> op.Pandas(import_="str.len", cols="text", into="length")
    )


def dates() -> Graph:
    """Timestamps: taken apart, subtracted, passed on."""
    return (
        op.Receiver(schema={"seen": "timestamp?", "since": "timestamp"})
        >> op.Pandas(import_="dt.hour", cols="seen", into="hour")
        >> op.Pandas(import_="dt.dayofweek", cols="since", into="day")
        >> op.Pandas(import_="sub", cols="seen", kwargs={"other": {"column": "since"}}, into="passed")
        >> op.Pandas(import_="dt.floor", cols="since", kwargs={"freq": "D"}, into="midnight")
    )


def trees() -> Graph:
    """The demo's kind: differences of dates, filled amounts, gradient boosting."""
    schema = {"as_of": "timestamp", "last_order": "timestamp", "orders": "int", "spent": "float?"}
    graph = (
        op.Receiver(schema=schema)
        >> op.Pandas(import_="rsub", cols="last_order", kwargs={"other": {"column": "as_of"}}, into="silence")
        >> op.Pandas(import_="dt.days", cols="silence", inplace=True)
        >> op.FillMissing(cols=["spent"], strategy="median")
        >> op.ScikitLearn(
            model=GradientBoostingClassifier(n_estimators=30, max_depth=3, random_state=0),
            features=["silence", "orders", "spent"],
            label="again",
            outputs={"again": "probability[1]"},
        )
    )
    graph.outputs = {"again": "again"}
    fitted: Graph = graph.fit(_customers())
    return fitted


def _customers() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "as_of": pd.Timestamp("1998-01-01"),
            "last_order": pd.Timestamp("1998-01-01") - pd.to_timedelta(rng.integers(0, 300, 400), unit="D"),
            "orders": rng.integers(1, 20, 400),
            "spent": np.where(rng.random(400) < 0.2, np.nan, rng.gamma(2, 30, 400).round(2)),
        }
    )
    silence = (frame["as_of"] - frame["last_order"]).dt.days
    return frame.assign(again=(frame["orders"] * 10 - silence + rng.normal(0, 40, 400) > 0).astype(int))


def signature() -> Graph:
    """All that a manifest can say of a field: ranges, categories, defaults, one that no answer depends on, extra ones dropped."""
    schema = {
        "age": {"type": "int", "min": 0, "max": 150},
        "share": {"type": "float?", "min": 0.0, "max": 1.0},
        "condition": {"type": "string", "categories": ["new", "used"], "default": "used"},
        "note": "string?",
        "limit": {"type": "float?", "default": None},
    }
    graph = op.Receiver(schema=schema, extra="ignore") >> op.FieldOps(ops=[{"set": "adult", "flag": "age >= 18"}])
    graph.outputs = {name: name for name in ("age", "share", "condition", "limit", "adult")}
    return graph  # type: ignore[no-any-return]


def checks() -> Graph:
    """A step that refuses rows."""
    return op.Receiver(schema={"x": "float", "colour": "string"}) >> op.OneHotEncoder(
        cols="colour", categories=["red", "é"], handle_unknown="error"
    )


def discounted(xp: Any, price: Any, count: Any, rate: float) -> Any:
    """A price after a discount for those who buy many."""
    return xp.where(count >= 10, price * (1.0 - rate), xp.maximum(price, 0.1))


DISCOUNTED: Final = CustomOp(
    "testing", "discounted", 2, ("float64", "int64"), ("float64",), discounted,
    "A price after a discount for those who buy many.", arguments={"rate": "float"}, kind="function",
)  # fmt: skip


class Discount(Operator):
    """The columns price and count -> discounted, a custom operator of kind function."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        (made,) = apply(DISCOUNTED, frame["price"], frame["count"], rate=0.1)
        return frame.assign(discounted=made)

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        (made,) = custom(b, DISCOUNTED, columns["price"], columns["count"], rate=0.1)
        return {**columns, "discounted": made}


def functions() -> Graph:
    """A custom operator that is an ONNX function in the model."""
    return op.Receiver(schema={"price": "float?", "count": "int"}) >> Discount()


@dataclass(frozen=True)
class Case:
    """A graph, and rows that its package takes."""

    build: Callable[[], Graph]
    rows: list[Row]


def _cycle(**values: list[Any]) -> list[Row]:
    """Rows in which every list goes round; long enough for each pair of neighbouring lists to meet."""
    count = 2 * max(len(value) for value in values.values()) + 3
    return [{name: value[(row * (position + 1)) % len(value)] for position, (name, value) in enumerate(values.items())}
            for row in range(count)]  # fmt: skip


def _present(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None]


CASES: Final[dict[str, Case]] = {
    "numbers": Case(numbers, _cycle(a=NUMBERS, b=_present(NUMBERS), n=WHOLES, m=[*WHOLES[:4], 2**53, None],
                                    k=[True, False], l=[None, True, False])),
    "categories": Case(categories, _cycle(country=TEXTS, text=_present(TEXTS))),
    "texts": Case(texts, _cycle(text=TEXTS)),
    "dates": Case(dates, _cycle(seen=MOMENTS, since=_present(MOMENTS)[:4])),
    "trees": Case(trees, json.loads(_customers().head(120).drop(columns="again").to_json(orient="records", date_format="iso"))),
    "signature": Case(signature, [
        {"age": 0, "share": 0.5, "note": "x", "limit": 2.5}, {"age": 150, "share": None, "condition": "new", "note": None},
        {"age": 18.0, "share": 1, "note": "", "limit": None, "colour": "unknown fields are dropped"},
    ]),
    "functions": Case(functions, _cycle(price=NUMBERS, count=[0, 9, 10, 2**53 + 1])),
    "checks": Case(checks, [{"x": 1.5, "colour": "red"}, {"x": -1.5, "colour": "é"}]),
}  # fmt: skip
#: those without operators of onnxruntime-extensions
CORE: Final = [name for name in CASES if name != "texts"]


@cache
def compiled(name: str) -> Compiled:
    """The package of a case, proved, and portable."""
    made = CASES[name].build().compile(portable=True)
    kinds = {entry.kind for entry in made.manifest.ops}
    assert ("extension" in kinds, "function" in kinds) == (name not in CORE, name == "functions")
    return made


def package(name: str, folder: Path) -> Path:
    """The package of a case as a file."""
    path = folder / f"{name}.rtml"
    path.write_bytes(compiled(name).data)
    return path


def lines(rows: list[Row]) -> str:
    """Rows as a file of JSON lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def bits(name: str, answers: list[Row]) -> list[dict[str, Any]]:
    """Answers in a form in which only the same values are equal: floats by their bits."""
    floats = {output.name for output in compiled(name).manifest.outputs if output.dtype.startswith("float")}
    return [
        {key: _bits(value) if key in floats else (type(value).__name__, value) for key, value in row.items()} for row in answers
    ]


def _bits(value: float | None) -> str | None:
    return None if value is None or math.isinf(value) else struct.pack(">d", value).hex()  # JSON has no infinity


#: rows that no reader may take: the case, what is changed in its first row, and where it is wrong
REFUSED: Final[list[tuple[str, Row, str]]] = [
    ("numbers", {"b": None}, "/0/b"),
    ("numbers", {"b": "1"}, "/0/b"),
    ("numbers", {"b": True}, "/0/b"),
    ("numbers", {"b": 10**400}, "/0/b"),
    ("numbers", {"n": 1.5}, "/0/n"),
    ("numbers", {"n": 2**63}, "/0/n"),
    ("numbers", {"n": -(2**63)}, "/0/n"),
    ("numbers", {"n": None}, "/0/n"),
    ("numbers", {"m": 2**53 + 1}, "/0/m"),
    ("numbers", {"k": 1}, "/0/k"),
    ("numbers", {"k": None}, "/0/k"),
    ("numbers", {"l": "true"}, "/0/l"),
    ("numbers", {"unknown": 1}, "/0"),
    ("categories", {"text": None}, "/0/text"),
    ("categories", {"text": "\ufdd0"}, "/0/text"),
    ("categories", {"text": "a\0b"}, "/0/text"),
    ("categories", {"text": "\ud83d"}, "/0/text"),
    ("categories", {"text": 5}, "/0/text"),
    ("categories", {"text": ["a"]}, "/0/text"),
    ("categories", {"country": False}, "/0/country"),
    ("dates", {"since": None}, "/0/since"),
    ("dates", {"since": 0}, "/0/since"),
    ("signature", {"age": -1}, "/0/age"),
    ("signature", {"age": 151}, "/0/age"),
    ("signature", {"share": 1.0000000000000002}, "/0/share"),
    ("signature", {"condition": "old"}, "/0/condition"),
    ("signature", {"condition": None}, "/0/condition"),
    ("signature", {"note": 7}, "/0/note"),
    ("checks", {"colour": "blue"}, "/0"),
]


def refused_row(name: str, changed: Row) -> Row:
    """The first row of a case, changed; rtml's runtime refuses it."""
    row = {**CASES[name].rows[0], **changed}
    with pytest.raises(InputError):
        compiled(name).runtime.score([row])
    return row


#: texts around the grammar of timestamps; what one means, rtml_core.timestamps says
MOMENT_LIKE: Final = [
    "2026-01-31", "2026-01-31T10:15", "2026-01-31 10:15:00", "2026-01-31T10:15:00.5", "2026-01-31T10:15:00.1234567Z",
    "2026-01-31Z", "2026-01-31+02:00", "2026-01-31T10:15-0230", "2026-01-31T00:00:00-00:30", "0001-01-01T00:00+23:59",
    "9999-12-31T23:59:59-00:01", "0099-12-31", "1582-10-10", "2000-02-29", "1900-02-29", "2023-02-29", "2024-02-30",
    "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "2026-01-31T24:00:00", "2026-01-31T23:60",
    "2026-01-31T23:59:60", "2026-01-31T10", "2026-01-31T1:15", "2026-01-31T10:15.5", "2026-01-31T10:15:00.",
    "2026-01-31T10:15:00.1234567890", "2026-01-31T10:15:00+24:00", "20260131", "2026-01-31T10:15:00+02",
    "2026-01-31T10:15:00z", "2026-01-31t10:15:00Z", "2026-1-31", "2026/01/31", "26-01-31", "+2026-01-31",
    "2026-01-31T10:15:00 Z", " 2026-01-31", "2026-01-31\n", "\uff12\uff10\uff12\uff16-01-31", "2026-01-31T10:15:00+02:60", "",
    "now", "2026-01-31T",
]  # fmt: skip


def moments() -> tuple[bytes, list[Row], list[Any]]:
    """A package that passes a timestamp on, a row for each text above, and what rtml answers, None where it refuses the row."""
    made = op.Receiver(schema={"at": "timestamp"}) >> op.Pandas(import_="dt.year", cols="at", into="year")
    package = made.compile(portable=True)
    rows = [{"at": text} for text in MOMENT_LIKE]
    answers: list[Any] = []
    for row in rows:
        try:
            answers.append(package.runtime.score([row])[0])
        except InputError:
            answers.append(None)
    assert 10 < answers.count(None) < len(answers) - 10
    return package.data, rows, answers
