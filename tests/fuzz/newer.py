"""More operators for random graphs: fitted encoders, fields, sub-graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from rtml_core import Graph, Operator
from rtml_core import operators as op

Draw = Callable[[Any], Any]
Reaching = Mapping[str, str]

_MISSING: Final = st.sampled_from(["category", "unknown", "missing", "error"])


def _of(columns: Reaching, *dtypes: str) -> list[str]:
    return [name for name, dtype in columns.items() if dtype in dtypes]


def _some(draw: Draw, names: list[str]) -> list[str]:
    return draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))  # type: ignore[no-any-return]


def _into(draw: Draw, cols: list[str], fresh: str) -> dict[str, str] | None:
    return {name: f"{fresh}_{number}" for number, name in enumerate(cols)} if draw(st.booleans()) else None


def bins(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """QuantileBins."""
    numbers = _of(columns, "float64", "int64")
    if not numbers:
        return None
    cols = _some(draw, numbers)
    return op.QuantileBins(
        cols=cols,
        into=_into(draw, cols, fresh),
        bins=draw(st.sampled_from([2, 4, [0.0, 0.1, 0.9, 1.0]])),
        labels=draw(st.sampled_from(["range", "code"])),
        handle_missing=draw(st.sampled_from(["missing", "bin", "error"])),
    )


def encoder(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """OrdinalEncoder, FrequencyEncoder or TargetEncoder."""
    cols = _some(draw, sorted(columns))
    common = {"cols": cols, "into": _into(draw, cols, fresh), "handle_missing": draw(_MISSING)}
    kind = draw(st.sampled_from(["ordinal", "frequency", "target"]))
    if kind == "ordinal":
        return op.OrdinalEncoder(by=draw(st.sampled_from(["value", "frequency"])), **common)
    if kind == "frequency":
        return op.FrequencyEncoder(measure=draw(st.sampled_from(["share", "count"])), **common)
    labels = [name for name in _of(columns, "float64", "int64", "bool") if name not in cols]
    return op.TargetEncoder(label=draw(st.sampled_from(labels)), **common) if labels else None


def scaler(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """Scaler."""
    numbers = _of(columns, "float64", "int64")
    if not numbers:
        return None
    cols = _some(draw, numbers)
    return op.Scaler(
        cols=cols, into=_into(draw, cols, fresh), method=draw(st.sampled_from(["standard", "minmax", "robust", "maxabs"]))
    )


def fields(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """FieldTrans: a cast, a default, a copy or an order."""
    name = draw(st.sampled_from(sorted(columns)))
    kind = draw(st.sampled_from(["cast", "default", "copy", "rename", "drop", "require", "move"]))
    if kind == "cast":
        failed = draw(st.sampled_from(["refuse", "missing"]))
        return op.FieldTrans(
            cast={name: draw(st.sampled_from(["float?", "int?", "string?", "bool?", "float", "int"]))}, failed=failed
        )
    if kind == "default":
        values = {"string": "x", "bool": True, "timestamp": "2020-02-29", "timedelta": 0}
        return op.FieldTrans(default={name: values.get(columns[name], 1)})
    if kind in ("copy", "rename"):
        return op.FieldTrans(**{kind: {name: f"{fresh}_f"}})
    return op.FieldTrans(**{kind: [name]}) if kind != "drop" or len(columns) > 1 else None


def rules(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """FieldOps: an expression and a condition."""
    numbers = _of(columns, "float64", "int64")
    if not numbers:
        return None
    one, two = (draw(st.sampled_from(numbers)) for _ in range(2))
    to = draw(st.sampled_from([f"`{one}` + `{two}`", f"`{one}` / `{two}`", f"`{one}` > 5"]))
    if draw(st.booleans()):
        return op.FieldOps(ops=[{"set": f"{fresh}_o", "to": to}])
    return op.FieldOps(ops=[{"set": f"{fresh}_o", "if": f"`{one}` > 5", "then": "'high'", "else": "'low'"}])


def processor(draw: Draw, columns: Reaching, fresh: str) -> Operator | None:
    """Processor: two steps as one node."""
    inner = Graph()
    first = scaler(draw, columns, f"{fresh}_a")
    second = encoder(draw, columns, f"{fresh}_b")
    if first is None or second is None:
        return None
    inner.connect(inner.add(first), inner.add(second))
    return op.Processor(graph=inner)


NEWER: Final = ((bins, 2), (encoder, 3), (scaler, 2), (fields, 3), (rules, 2), (processor, 1))
