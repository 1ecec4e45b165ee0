"""More steps for random graphs: Python functions, arrays, texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from rtml_core import Operator
from rtml_core import operators as op

Draw = Callable[[Any], Any]
Reaching = Mapping[str, str]


def band(x):
    if x is None:
        return "none"
    return "low" if x < 5 else "middle" if 5 <= x < 18 else "high"


def ratio(x, y):
    if x is None or y is None or y == 0:
        return None
    return x / y


def careless(x, y):
    return x // y + 1


def logarithm(x):
    return math.log(x) if x is not None and x > 0 else -1.0


def slug(text):
    if not text:
        return "-"
    first = text.strip().lower()
    return first[:3] if len(first) > 3 or first in ("red", "blue") else first + "!"


def starts(text, x):
    return text is not None and (text.startswith("r") or (x is not None and x > 10))


_OF_ONE: Final = (band, logarithm)
_OF_TWO: Final = (ratio, careless)


def _of(columns: Reaching, *dtypes: str) -> list[str]:
    return [name for name, dtype in columns.items() if dtype in dtypes]


def function(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """Function."""
    numbers, texts = _of(columns, "float64", "int64"), _of(columns, "string")
    number, text = (st.sampled_from(names) if names else st.just("") for names in (numbers, texts))
    kind = draw(st.sampled_from([*(["one", "two"] if numbers else []), *(["slug"] if texts else []), "starts"]))
    if kind == "one":
        return op.Function(function=draw(st.sampled_from(_OF_ONE)), cols=[draw(number)], into=fresh)
    if kind == "two":
        return op.Function(function=draw(st.sampled_from(_OF_TWO)), cols=[draw(number), draw(number)], into=fresh)
    if kind == "slug":
        return op.Function(function=slug, cols=[draw(text)], into=fresh)
    return op.Function(function=starts, cols=[draw(text), draw(number)], into=fresh) if numbers and texts else None


def mapped(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """A lambda in Pandas' map: missing is NaN there."""
    numbers = _of(columns, "float64", "int64")
    if not numbers:
        return None
    return op.Pandas(
        import_="map",
        cols=draw(st.sampled_from(numbers)),
        kwargs={"func": lambda value: "big" if value > 18 else "small" if value <= 0 else "some"},
        into=fresh,
    )


def array(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """NumpyArrays."""
    numbers = _of(columns, "float64", "int64")
    if not numbers:
        return None
    cols = draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=4, unique=True))
    name, arguments = draw(
        st.sampled_from(
            [
                ("sum", {}),
                ("mean", {}),
                ("max", {}),
                ("argmin", {}),
                ("log1p", {}),
                ("clip", {"a_min": 0, "a_max": 18}),
                ("nan_to_num", {}),
            ]
        )
    )
    if name in ("sum", "mean", "max", "argmin"):
        return op.NumpyArrays(function=name, kwargs={"axis": 1}, cols=cols, into=fresh)
    return op.NumpyArrays(function=name, kwargs=arguments, cols=cols, into=[f"{fresh}_{n}" for n in range(len(cols))])


def text(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """An operator of texts."""
    texts = _of(columns, "string")
    if not texts:
        return None
    one = draw(st.sampled_from(texts))
    absent = draw(st.sampled_from(["null", "skip", "empty"]))
    return draw(
        st.sampled_from(
            [
                lambda: op.RegexExtract(column=one, pattern=r"([a-z]+)\s*(\d*)", into=[f"{fresh}_0", f"{fresh}_1"]),
                lambda: op.RegexReplace(cols=one, pattern=r"\d+|[éß]", replacement="#"),
                lambda: op.TextJoin(cols=[one, texts[0]], into=fresh, separator="-", missing=absent),
                lambda: op.TextSplit(column=one, separator=" ", into=[f"{fresh}_0", f"{fresh}_1"], rest=draw(st.booleans())),
                lambda: op.TextHash(cols=one, buckets=7, into=fresh),
                lambda: op.TextNormalize(cols=one, into=fresh, case=draw(st.sampled_from(["fold", "lower", None]))),
            ]
        )
    )()  # fmt: skip


WRITTEN: Final = ((function, 4), (mapped, 1), (array, 2), (text, 4))
