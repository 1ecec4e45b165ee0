"""Profiles: what a column of real rows looks like, as JSON; learned from a frame, or made up for declared fields.

    {"rows": 400, "fields": {"age": {"type": "float?", "missing": 0.1, "kind": "numbers", "quantiles": [...], "decimals": 0}},
     "correlations": {"names": ["age", ...], "matrix": [[1.0, ...], ...]}}

Kinds: numbers (evenly spaced quantiles), choices ([value, share] and perhaps a rest of made-up texts), texts (lengths and
letters), times (first and last, shares of hours and weekdays). A value is written down only when `min_count` rows have it,
and the ends of numbers and times are those that min_count rows lie at or beyond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import Field
from rtml_core.errors import ColumnError
from rtml_core.timestamps import format_timestamp, parse_timestamps

if TYPE_CHECKING:
    import pandas as pd

#: numbers of at most so many different values are choices
_FEW_NUMBERS: Final = 20
#: the most frequent texts that are written down
_MOST_TEXTS: Final = 200
_QUANTILES: Final = 101
_DECIMALS: Final = 6
_MICROS_PER_HOUR: Final = 3_600_000_000
_WORDS: Final = {
    "float64": "float",
    "float32": "float",
    "int64": "int",
    "bool": "bool",
    "string": "string",
    "timestamp": "timestamp",
}


def learn(frame: pd.DataFrame, min_count: int, *, correlations: bool) -> dict[str, Any]:
    """The profile of a canonical frame. Raises ColumnError for a column without values, infinite, or no field of a request."""
    if not len(frame):
        raise ColumnError("A profile can't be learned from a frame without rows")
    fields = {str(name): _learn_column(frame[name], str(name), min_count) for name in frame.columns}
    found: dict[str, Any] = {"rows": len(frame), "fields": fields}
    if correlations and len(fields) > 1:
        found["correlations"] = _correlations(frame, fields)
    return found


def _learn_column(series: pd.Series, name: str, min_count: int) -> dict[str, Any]:
    import numpy as np

    from rtml_core.frames import dtype_word, to_carrier

    dtype = dtype_word(series)
    if dtype not in _WORDS:
        raise ColumnError(f"Column '{name}' is a {dtype}, which a request can't carry")
    missing = int(series.isna().sum())
    there = series[series.notna()]
    if not len(there):
        raise ColumnError(f"Column '{name}' has no value to learn from; leave it out")
    share = round(missing / len(series), 6)
    head = {"type": _WORDS[dtype] + ("?" if missing else ""), **({"missing": share} if missing else {})}
    values = to_carrier(there, False)
    if len(there) < 2 * min_count and dtype != "string":
        raise ColumnError(
            f"Column '{name}' has {len(there):,} values, and a profile is learned from at least {2 * min_count:,}, so that none"
            f" of them can be read off it; leave the column out, or set a smaller 'min_count' where nothing in it is private"
        )
    if dtype == "bool":
        true = round(float(np.mean(values)), 6)
        return {**head, "kind": "choices", "values": [[False, round(1 - true, 6)], [True, true]]}
    if dtype == "timestamp":
        return {**head, **_times(values, min_count)}
    if dtype == "string":
        micros = parse_timestamps(values.tolist())
        timed = len(there) >= 2 * min_count and bool((micros != -(2**63)).all())
        texts = _times(micros, min_count) if timed else _texts(values, min_count)
        return {**head, **texts}
    if dtype != "int64" and not np.isfinite(values).all():
        raise ColumnError(f"Column '{name}' holds infinite values, which a request can't carry; drop these rows first")
    return {**head, **_numbers(values, min_count)}


def _frequent(values: Any, min_count: int) -> tuple[list[tuple[Any, int]], int]:
    """Values that min_count rows have, the most frequent first (ties ascending), and how many rows have another one."""
    import numpy as np

    found, counts = np.unique(values, return_counts=True)
    pairs = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1])
    kept = [pair for pair in pairs if pair[1] >= min_count]
    return kept, len(values) - sum(count for _, count in kept)


def _numbers(values: Any, min_count: int) -> dict[str, Any]:
    import numpy as np

    decimals = _decimals(values)
    plain = values.astype(np.float64)
    if len(np.unique(plain)) <= _FEW_NUMBERS:
        kept, rest = _frequent(values, min_count)
        if kept and rest * 20 <= len(values):
            total = len(values) - rest
            return {"kind": "choices", "values": [[value, round(count / total, 6)] for value, count in sorted(kept)]}
    ordered = np.sort(plain)
    inner = ordered[min_count - 1 : len(ordered) - min_count + 1]
    knots = min(_QUANTILES, max(2, len(inner) // min_count))
    quantiles = [float(f"{value:.9g}") for value in np.quantile(inner, np.arange(knots) / (knots - 1)).tolist()]
    return {"kind": "numbers", "quantiles": quantiles, **({} if decimals is None else {"decimals": decimals})}


def _decimals(values: Any) -> int | None:
    """How many digits behind the point the numbers have; None when they have more than six."""
    import numpy as np

    if values.dtype.kind == "i":
        return 0
    return next((d for d in range(_DECIMALS + 1) if (np.round(values, d) == values).all()), None)


def _texts(values: Any, min_count: int) -> dict[str, Any]:
    kept, rest = _frequent(values, min_count)
    rest += sum(count for _, count in kept[_MOST_TEXTS:])
    kept = kept[:_MOST_TEXTS]
    known = {value for value, _ in kept}
    others = [value for value in values.tolist() if value not in known]
    if not kept:
        return {"kind": "texts", **_look(others)}
    pairs = [[value, round(count / len(values), 6)] for value, count in kept]
    return {
        "kind": "choices",
        "values": pairs,
        **({"rare": {"share": round(rest / len(values), 6), **_look(others)}} if rest else {}),
    }


def _look(texts: Sequence[str]) -> dict[str, Any]:
    """Lengths (nine of them, evenly spaced among all) and letters of texts, none of which is kept."""
    sizes = sorted(min(len(text), 100) for text in texts)
    together = "".join(texts[:1000])
    tests = {"digits": str.isdecimal, "lower": str.islower, "upper": str.isupper}
    letters = next((name for name, test in tests.items() if test(together)), "mixed")
    return {"lengths": [sizes[(len(sizes) - 1) * i // 8] for i in range(9)], "letters": letters}


def _times(micros: Any, min_count: int) -> dict[str, Any]:
    import numpy as np

    from rtml_plugins.flow.simulator_draw import UNITS

    ordered = np.sort(micros)
    place = min(min_count, (len(ordered) + 1) // 2) - 1
    hours = np.bincount(ordered // _MICROS_PER_HOUR % 24, minlength=24)
    weekdays = np.bincount((ordered // (24 * _MICROS_PER_HOUR) + 3) % 7, minlength=7)
    return {
        "kind": "times",
        "first": format_timestamp(int(ordered[place])),
        "last": format_timestamp(int(ordered[len(ordered) - 1 - place])),
        "hours": [round(count / len(ordered), 6) for count in hours.tolist()],
        "weekdays": [round(count / len(ordered), 6) for count in weekdays.tolist()],
        "unit": next(name for name, size in UNITS.items() if (ordered % size == 0).all()),
    }


# ---- correlation --------------------------------------------------------------------------------------------------------


def _correlations(frame: pd.DataFrame, fields: Mapping[str, Any]) -> dict[str, Any]:
    """How the ranks of columns hang together: the correlation of their normal scores, rounded to 0.001."""
    import numpy as np

    names = [name for name, entry in fields.items() if entry["kind"] != "texts"]
    scores = [_scores(frame[name], fields[name]) for name in names]
    matrix = [[1.0 if i == j else 0.0 for j in range(len(names))] for i in range(len(names))]
    for i in range(len(names)):
        for j in range(i):
            both = ~(np.isnan(scores[i]) | np.isnan(scores[j]))
            one, other = scores[i][both], scores[j][both]
            if len(one) > 2 and one.std() > 0 and other.std() > 0:
                matrix[i][j] = matrix[j][i] = round(float(np.corrcoef(one, other)[0, 1]), 3)
    return {"names": names, "matrix": matrix}


def _scores(series: pd.Series, entry: Mapping[str, Any]) -> Any:
    """Normal quantiles of the mean ranks, NaN where the column is missing; texts are ranked as the profile lists them."""
    import numpy as np
    import pandas as pd

    from rtml_plugins.flow.simulator_draw import interpolate, normal_table

    if entry["kind"] == "choices":
        order = {value: place for place, (value, _) in enumerate(entry["values"])}
        numbers = series.map(lambda value: order.get(value, len(order)), na_action="ignore").astype("float64")
    elif entry["kind"] == "times":
        texts = series.dtype.kind != "M"
        found = parse_timestamps(None if v != v else v for v in series.tolist()) if texts else series.to_numpy().astype("int64")
        numbers = pd.Series(np.where(found == -(2**63), math.nan, found), index=series.index)
    else:
        numbers = series.astype("float64")
    ranks = (numbers.rank(method="average") - 0.5) / max(int(numbers.notna().sum()), 1)
    known, quantiles = normal_table()
    return np.where(numbers.isna(), math.nan, interpolate(ranks.fillna(0.5).to_numpy(), known, quantiles))


# ---- declared fields ----------------------------------------------------------------------------------------------------


def declared(fields: Sequence[Field], details: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A profile for declared fields. details: by field, what `Simulator` takes beyond type and categories."""
    return {"fields": {entry.name: declared_field(entry, details.get(entry.name, {})) for entry in fields}}


def pairs_of(choices: Any) -> list[tuple[Any, Any]]:
    """Values and weights of {value: weight}, [value, ...] or [[value, weight], ...]; empty for anything else."""
    if isinstance(choices, Mapping):
        return list(choices.items())
    if not isinstance(choices, (list, tuple)):
        return []
    weighted = all(isinstance(item, (list, tuple)) and len(item) == 2 for item in choices)
    return [(item[0], item[1]) if weighted else (item, 1.0) for item in choices]


def declared_field(entry: Field, details: Mapping[str, Any]) -> dict[str, Any]:
    """The profile of one declared field."""
    missing = details.get("missing", 0.05 if entry.nullable else 0.0)
    head: dict[str, Any] = {"type": entry.spec, **({"missing": float(missing)} if missing else {})}
    choices = details.get("choices") or entry.categories
    if choices is not None:
        return {**head, "kind": "choices", "values": [[value, float(weight)] for value, weight in pairs_of(choices)]}
    if entry.type == "bool":
        return {**head, "kind": "choices", "values": [[False, 0.5], [True, 0.5]]}
    if entry.type == "string":
        return {**head, "kind": "texts", "lengths": [3, 4, 5, 6, 7, 8, 9, 10, 12], "letters": "lower"}
    if entry.type == "timestamp":
        first, last = details.get("range", ("2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"))
        return {
            **head,
            "kind": "times",
            "first": first,
            "last": last,
            "hours": [1.0] * 24,
            "weekdays": [1.0] * 7,
            "unit": "second",
        }
    low, high = details.get("range") or _usual_range(entry)
    decimals = 0 if entry.type == "int" else details.get("decimals", 2)
    half = 0.5 / 10**decimals  # so that the ends are as frequent as what lies between them
    return {
        **head,
        "kind": "numbers",
        "quantiles": [low - half, high + half],
        "decimals": decimals,
        "range": [float(low), float(high)],
    }


def declared_as(entry: Field, learned: dict[str, Any]) -> dict[str, Any]:
    """What was learned of a declared field: with its type, and nothing beyond its categories and bounds."""
    found = {**learned, "type": entry.spec}
    if found["kind"] == "numbers" and (entry.minimum is not None or entry.maximum is not None):
        ends = found["quantiles"]
        low, high = (end if bound is None else bound for end, bound in ((ends[0], entry.minimum), (ends[-1], entry.maximum)))
        found["range"] = [low, high]
    if entry.categories is not None:
        found.pop("rare", None)
        if found["kind"] != "choices":  # none is frequent enough to be kept
            head: dict[str, Any] = {key: found[key] for key in ("type", "missing") if key in found}
            found = {**head, "kind": "choices", "values": [[value, 1.0] for value in entry.categories]}
    return found


def _usual_range(entry: Field) -> tuple[float, float]:
    """The bounds of a declared field of numbers; where one is open, a hundred from the other, from 0 to 100 without both."""
    if entry.minimum is None:
        return (0, 100) if entry.maximum is None else (entry.maximum - 100, entry.maximum)
    return entry.minimum, entry.minimum + 100 if entry.maximum is None else entry.maximum
