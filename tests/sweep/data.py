"""What the sweep learns from and is scored on: small frames, each with what is hard about its kind of data."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

ROWS = 72
#: of the rows and labels; another one (python -m tests.sweep --seed 3) asks the same of other rows
seed = 7
_BRANDS = ("Äpfel", "Birne", "çay", "日本", "x y", "Zß", "q")
_WORDS = ("red", "green", "Blue", "naïve", "straße", "日本", "x1", "don't", "2024", "the", "of", "cafe\u0301", "ﬁne")
#: texts that are hard for whoever splits, lower-cases or compares them; U+0000 is refused where rows come in
_TEXTS = (
    *(
        "",
        " ",
        "\t\n",
        "RED red Red",
        "STRASSE straße STRAẞE",
        "İstanbul ǅ ﬁne",
        "naïve nai\u0308ve",
        "日本 日本語",
        "\U0001f600 red",
    ),
    *(
        "unknown words only",
        "red,green;blue",
        "don't don\u2019t",
        "x1 x2 2024 2024",
        "the of the",
        "a",
        "red " * 40,
        "ΣΑΣ ΟΔΟΣ",
        "RED\u00a0green\u3000blue",
    ),
)
_HUGE = (1e30, -1e30, 1e300, -1e300)
_BEYOND = (np.inf, -np.inf, np.nan)

#: kind of data -> words for the page
KINDS = {
    "numbers": "numbers, one of them constant",
    "gaps": "numbers with missing values",
    "unit": "numbers of one size",
    "counts": "counts",
    "positive": "positive numbers",
    "codes": "small whole numbers",
    "flags": "booleans and numbers",
    "one": "one number",
    "texts": "categories: rare, not ASCII, empty",
    "text gaps": "categories with missing values",
    "mixed": "numbers and categories, both with missing values",
    "documents": "free text",
}
#: kind of label -> words for the page
TARGETS = {
    "": "",
    "two": "two classes",
    "three": "three classes, strings",
    "numbered": "classes 2, 5, 9",
    "flag": "booleans",
    "floats": "classes 1.0, 2.0",
    "some": "two classes, some unlabelled",
    "value": "a number",
    "count": "a count",
    "above zero": "a number above 0",
    "two values": "two numbers",
    "two labels": "two labels",
}


@cache
def frame(kind: str) -> pd.DataFrame:
    """The training rows of one kind of data."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=ROWS), rng.integers(0, 5, ROWS)
    numbers = pd.DataFrame({"a": a, "b": b, "c": rng.normal(size=ROWS) * 1e3, "k": np.ones(ROWS)})
    texts = pd.DataFrame(
        {
            "g": rng.choice(["m", "f"], ROWS),
            "brand": rng.choice(_BRANDS, ROWS, p=[0.35, 0.25, 0.2, 0.1, 0.05, 0.03, 0.02]),
            "ü": rng.choice(["ß", "É", "", "x y"], ROWS),
        }
    ).astype("str")
    made = {
        "numbers": lambda: numbers,
        "gaps": lambda: _gaps(numbers, ["a", "b", "c"], rng),
        "unit": lambda: pd.DataFrame({"a": a, "b": rng.normal(size=ROWS), "d": rng.uniform(-1, 1, ROWS)}),
        "counts": lambda: pd.DataFrame(rng.integers(0, 7, (ROWS, 4)), columns=list("pqrs")),
        "positive": lambda: pd.DataFrame(rng.gamma(2.0, 1.0, (ROWS, 3)) + 0.01, columns=list("uvw")),
        "codes": lambda: pd.DataFrame({"b": b, "e": rng.integers(0, 3, ROWS), "f": rng.integers(0, 2, ROWS)}),
        "flags": lambda: pd.DataFrame({"h": a > 0.2, "i": rng.random(ROWS) < 0.4, "a": a}),
        "one": lambda: numbers[["a"]],
        "texts": lambda: texts,
        "text gaps": lambda: _gaps(texts, ["g", "brand"], rng),
        "mixed": lambda: _gaps(pd.concat([numbers, texts], axis=1), ["a", "c", "g", "brand"], rng),
        "documents": lambda: pd.DataFrame({"text": [" ".join(rng.choice(_WORDS, rng.integers(1, 7))) for _ in range(ROWS)]}),
    }
    return made[kind]()


def target(kind: str, name: str) -> Any:
    """The label of the training rows, an array [N] or [N, 2]; None for no label."""
    if not name:
        return None
    rng = np.random.default_rng(seed + 4)
    strength = _strength(frame(kind)) + rng.normal(size=ROWS) / 3
    cut, upper = np.quantile(strength, [0.45, 0.8])
    two, three = (strength > cut).astype(int), (strength > cut).astype(int) + (strength > upper)
    made = {
        "two": lambda: two,
        "three": lambda: np.array(["nö", "x", "y"], dtype=object)[three],
        "numbered": lambda: np.array([2, 5, 9])[three],
        "flag": lambda: two.astype(bool),
        "floats": lambda: two + 1.0,
        "some": lambda: np.where(rng.random(ROWS) < 0.3, -1, two),
        "value": lambda: strength * 3 + 1,
        "count": lambda: rng.poisson(np.exp(strength / 2)),
        "above zero": lambda: np.exp(strength / 2),
        "two values": lambda: np.column_stack([strength, rng.normal(size=ROWS) - strength]),
        "two labels": lambda: np.column_stack([two, rng.integers(0, 3, ROWS)]),
    }
    return made[name]()


def _strength(data: pd.DataFrame) -> Any:
    """One number a row that all columns have a part in."""
    parts = []
    for name in data.columns:
        if data[name].dtype.kind in "biuf":
            values = data[name].astype("float64").fillna(0.3).to_numpy()
        else:
            values = data[name].fillna("?").map(lambda text: float(len(text) * 7 % 5)).to_numpy(dtype=float)
        parts.append((values - values.mean()) / (values.std() or 1.0))
    return np.mean(parts, axis=0)


def _gaps(data: pd.DataFrame, columns: list[str], rng: np.random.Generator) -> pd.DataFrame:
    return data.assign(**{name: data[name].where(rng.random(ROWS) > 1 / 6) for name in columns})


def hard(kind: str) -> pd.DataFrame:
    """Rows beside those that the operator names itself: ties, rows seen and rows between them, zeros, huge values, odd texts."""
    data = frame(kind)
    numbers = [name for name in data.columns if data[name].dtype.kind in "iuf"]
    texts = [name for name in data.columns if data[name].dtype.kind not in "biuf"]
    typical = data.dropna().iloc[:1] if len(data.dropna()) else data.iloc[:1]
    parts = [data]
    for first, second in ((0, 1), (2, 9), (5, 33), (11, 12)):
        row = data.iloc[[first]].copy()
        for name in numbers:
            if data[name].dtype.kind == "f":
                row[name] = (data[name].iloc[first] + data[name].iloc[second]) / 2
        parts.append(row)
    parts.append(typical.assign(**{name: data[name].dtype.type(0) for name in numbers}))
    floats = [name for name in numbers if data[name].dtype.kind == "f"]
    parts += [typical.assign(**{name: value}) for name in floats for value in _HUGE]
    parts += [typical.assign(**dict.fromkeys(floats, value)) for value in _HUGE if floats]
    parts += [typical.assign(**{name: text}) for name in texts for text in _TEXTS]
    gone = [name for name in data.columns if data[name].isna().any()]
    parts += [typical.assign(**{name: np.nan}) for name in gone]
    if gone:
        parts.append(typical.assign(**dict.fromkeys(gone, np.nan)))
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype(data.dtypes.to_dict())


def infinite(kind: str) -> pd.DataFrame:
    """Rows with infinite values and with NaN, as arithmetic before a model may give them; no rows where nothing is a float."""
    data = frame(kind)
    floats = [name for name in data.columns if data[name].dtype.kind == "f"]
    typical = data.dropna().iloc[:1]
    places = [[name] for name in floats] + ([floats] if len(floats) > 1 else [])
    parts = [typical.assign(**dict.fromkeys(names, value)) for value in _BEYOND for names in places]
    if len(floats) > 1:
        parts.append(typical.assign(**{floats[0]: np.inf, floats[1]: -np.inf}))
    return pd.concat([data.iloc[:3], *parts], ignore_index=True).astype(data.dtypes.to_dict()) if parts else data.iloc[:0]
