"""Operators that a random graph may get next, chosen by the columns that reach them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from rtml_core import Operator
from rtml_core import operators as op
from tests.fuzz.calls import CALLS
from tests.fuzz.newer import NEWER
from tests.fuzz.written import WRITTEN

Draw = Callable[[Any], Any]
#: columns that reach the step: name -> dtype
Reaching = Mapping[str, str]

_NUMBERS: Final = ("float64", "int64", "float32")


def of(columns: Reaching, *dtypes: str) -> list[str]:
    """Names of the columns of these dtypes."""
    return [name for name, dtype in columns.items() if dtype in dtypes]


def _some(draw: Draw, names: list[str], at_most: int = 3) -> list[str]:
    return draw(st.lists(st.sampled_from(names), min_size=1, max_size=at_most, unique=True))  # type: ignore[no-any-return]


def pandas_call(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """One method on a column, or on several of its dtype."""
    name = draw(st.sampled_from(sorted(columns)))
    method, arguments = draw(CALLS[columns[name]])
    arguments = {k: v.replace("COLUMN", f"`{name}`") if k == "cond" else v for k, v in arguments.items()}
    alike = sorted(of(columns, columns[name]))
    cols = _some(draw, alike) if draw(st.booleans()) and "cond" not in arguments else [name]
    if draw(st.booleans()):
        return op.Pandas(import_=method, cols=cols, kwargs=arguments, inplace=True)
    return op.Pandas(import_=method, cols=cols, kwargs=arguments, into=[f"{fresh}_{number}" for number in range(len(cols))])


def expression(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """A line of eval over numbers."""
    numbers = of(columns, *_NUMBERS)
    if not numbers:
        return None
    one, two = (f"`{draw(st.sampled_from(numbers))}`" for _ in range(2))
    text = draw(
        st.sampled_from(
            [
                f"{one} + {two}", f"{one} - {two} * 2", f"{one} / {two}", f"{one} > {two}", f"{one} > 5 and {two} <= 18",
                f"{one} % 7", f"{one} // 3", f"({one} == {two}) or not ({one} < 0)", f"sqrt({one} * {one})", f"{one} in [1, 18]",
            ]
        )
    )  # fmt: skip
    return op.Pandas(import_="eval", args=[f"{fresh} = {text}"])


def frame_call(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """A method of the whole frame."""
    names = sorted(columns)
    kind = draw(st.sampled_from(["rename", "drop", "filter", "assign", "isna"]))
    if kind == "rename":
        return op.Pandas(import_="rename", kwargs={"columns": {draw(st.sampled_from(names)): f"{fresh}_r"}})
    if kind == "drop":
        return op.Pandas(import_="drop", kwargs={"columns": [draw(st.sampled_from(names))]}) if len(names) > 1 else None
    if kind == "filter":
        return op.Pandas(import_="filter", kwargs={"items": _some(draw, names, 5)})
    if kind == "assign":
        return op.Pandas(import_="assign", kwargs={f"{fresh}_c": draw(st.sampled_from([1, 0.5, "x", True]))})
    return op.Pandas(import_="isna")


def fill(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """FillMissing."""
    numbers = of(columns, "float64", "int64")
    if numbers and draw(st.booleans()):
        return op.FillMissing(cols=_some(draw, numbers), strategy=draw(st.sampled_from(["mean", "median", "mode"])))
    return op.FillMissing(cols=_some(draw, sorted(columns)), strategy="mode")


def rare(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """GroupRare."""
    texts = of(columns, "string")
    return op.GroupRare(cols=_some(draw, texts), top=draw(st.integers(1, 4))) if texts else None


def one_hot(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """OneHotEncoder."""
    texts = of(columns, "string", "bool", "int64")
    drop = draw(st.sampled_from([None, "first", "if_binary"]))
    unknown = draw(st.sampled_from(["ignore", "ignore", "error"]))
    return op.OneHotEncoder(cols=_some(draw, texts, 2), drop=drop, handle_unknown=unknown, prefix=fresh) if texts else None


def model(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """A small model that learns whether a number is above its middle; it takes the place of all columns."""
    numbers = of(columns, "float64", "int64", "bool")
    if len(numbers) < 2:
        return None
    label, *features = draw(st.permutations(numbers))
    name, params = draw(
        st.sampled_from(
            [
                ("sklearn.tree.DecisionTreeRegressor", {"max_depth": 3}),
                ("sklearn.ensemble.RandomForestRegressor", {"n_estimators": 3, "max_depth": 3}),
                ("sklearn.ensemble.HistGradientBoostingRegressor", {"max_iter": 3, "min_samples_leaf": 2}),
                ("sklearn.preprocessing.StandardScaler", {}),
                ("sklearn.preprocessing.MinMaxScaler", {}),
                ("sklearn.impute.SimpleImputer", {"strategy": "median"}),
            ]
        )
    )
    learns_label = "Regressor" in name
    return op.ScikitLearn(
        model=name, model_params=params, features=features[:4], label=label if learns_label else None,
    )  # fmt: skip


#: a step, and how often it is taken
STEPS: Final = (
    (pandas_call, 12), (expression, 4), (frame_call, 3), (fill, 3), (rare, 2), (one_hot, 3), (model, 3), *NEWER, *WRITTEN,
)  # fmt: skip
CHOICES: Final = [step for step, weight in STEPS for _ in range(weight)]
