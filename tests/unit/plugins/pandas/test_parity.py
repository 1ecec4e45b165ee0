"""Every compiled method against pandas, on hard rows, on no rows, on single rows, and where everything may be missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_plugins.pandas_ops import Pandas

NAN = float("nan")
INF = float("inf")

#: (method, columns, arguments)
Case = tuple[str, Any, dict[str, Any]]


def _arithmetic() -> list[Case]:
    cases: list[Case] = []
    numbers = [0, 1, -1, 3, -7, 0.5, -2.5, 0.0, 100]
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod"):
        cases += [(name, ["f", "g", "i", "k", "w"], {"other": number}) for number in numbers]
        cases += [(name, ["f", "i"], {"other": number}) for number in (1e300, INF)]
        cases += [(name, ["f", "i", "k"], {"other": other}) for other in ("g", "k", "i")]
    cases += [("pow", ["f", "g"], {"other": number}) for number in (0, 1, 2, 3, -1, 0.5, 0.3, -2)]
    cases += [("pow", "w", {"other": number}) for number in (0, 1, 2, -1, 0.5)]
    cases += [("pow", ["i", "k"], {"other": number}) for number in (0, 1, 2, 3, 5, 64)]
    cases += [("pow", ["f", "g"], {"other": "h"}), ("rpow", ["f", "h"], {"other": 2.0}), ("pow", "k", {"other": 0.5})]
    cases += [(name, "b", {"other": 2}) for name in ("add", "sub", "mul", "truediv", "radd", "rsub", "rtruediv")]
    cases += [(name, "b", {"other": 2.5}) for name in ("add", "sub", "mul", "truediv")]
    cases += [("add", "b", {"other": "b"}), ("mul", "b", {"other": True}), ("add", "b", {"other": "k"})]
    cases += [(name, "n", {"other": 2}) for name in ("add", "sub", "mul", "truediv")]
    cases += [("add", "n", {"other": "k"}), ("mul", "n", {"other": 0.5}), ("add", "n", {"other": "f"})]
    cases += [(name, ["f", "h"], {"other": "g", "fill_value": 0}) for name in ("add", "sub", "mul", "truediv")]
    cases += [("add", "f", {"other": "h", "fill_value": 1.5}), ("mul", "h", {"other": 2, "fill_value": 3})]
    cases += [
        ("divide", "g", {"other": 4}),
        ("multiply", "g", {"other": 4}),
        ("subtract", "g", {"other": 4}),
        ("rdiv", "g", {"other": 1}),
    ]
    cases += [("sub", "t", {"other": "v"}), ("sub", "t", {"other": "2024-01-01"}), ("rsub", "t", {"other": "2024-01-01"})]
    cases += [
        ("add", "t", {"other": "d"}),
        ("sub", "t", {"other": "d"}),
        ("add", "d", {"other": "d"}),
        ("truediv", "d", {"other": "d"}),
    ]
    return cases


def _comparisons() -> list[Case]:
    cases: list[Case] = []
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        for number in (0, 1, 2.5, -1, 0.1, INF, 2**53 + 1):
            cases.append((name, ["f", "g", "i", "k", "w", "b"], {"other": number}))
        cases += [(name, ["f", "i", "k", "w", "b"], {"other": other}) for other in ("g", "k", "h", "b")]
        cases += [
            (name, ["b", "n"], {"other": True}),
            (name, "n", {"other": 1}),
            (name, "n", {"other": "b"}),
            (name, "n", {"other": 0.5}),
        ]
        cases += [(name, "t", {"other": other}) for other in ("v", "t", "2000-02-29", "1969-12-31T23:59:59.999999")]
        cases += [(name, "d", {"other": "d"})]
    for name in ("eq", "ne"):
        cases += [(name, ["s", "u"], {"other": text}) for text in ("VW", "", "é", "s", "日本語")]
        cases += [(name, "s", {"other": {"column": other}}) for other in ("u", "s")]
    cases += [("between", ["f", "i"], {"left": -3, "right": 7, "inclusive": how}) for how in ("both", "neither", "left", "right")]
    cases += [("between", "f", {"left": "h", "right": "g"}), ("between", "t", {"left": "1970-01-01", "right": "2001-01-01"})]
    return cases


def _numbers() -> list[Case]:
    cases: list[Case] = [("abs", ["f", "g", "i", "k", "w", "b", "d"], {})]
    cases += [("round", ["f", "g", "h", "w", "i", "b"], {"decimals": d}) for d in (0, 1, 2, 5, -1, -2, 22)]
    bounds: list[tuple[Any, Any]] = [
        (-1, 2),
        (0, None),
        (None, 1),
        (2, -1),
        (0.5, 1.5),
        (NAN, 1),
        (-INF, INF),
        (1.0, 3.0),
        (None, None),
        (0.0, 2.0**63),
        (-(2.0**63), 5),
        (-1e300, 1e300),
        (2**53 + 1, 2**62),
    ]
    cases += [("clip", "w", {"lower": -1, "upper": high}) for high in (2, None, 0.5)]
    cases += [("clip", ["f", "g", "h", "i", "k"], {"lower": low, "upper": high}) for low, high in bounds]
    cases += [("clip", "f", {"lower": "h"}), ("clip", ["f", "k"], {"lower": "h", "upper": "g"}), ("clip", "i", {"upper": "k"})]
    return cases


def _missing() -> list[Case]:
    cases: list[Case] = [("fillna", ["f", "h", "g", "i", "k", "w", "b"], {"value": value}) for value in (0, 1.5, -1)]
    cases += [("fillna", ["s", "u"], {"value": value}) for value in ("", "Others", "VW")]
    cases += [("fillna", "n", {"value": True}), ("fillna", "t", {"value": "2020-01-01"}), ("fillna", "t", {"value": "v"})]
    cases += [("fillna", "f", {"value": "g"}), ("fillna", "f", {"value": "h"}), ("fillna", "f", {"value": {"column": "k"}})]
    cases += [("fillna", "s", {"value": {"column": "u"}}), ("combine_first", ["f", "h"], {"other": "g"})]
    everything = list("fghwikbnsutvd")
    cases += [(name, everything, {}) for name in ("isna", "isnull", "notna", "notnull")]
    for name in ("where", "mask"):
        for condition in ("b", "n", "f > 0", "k == 1 or s == 'VW'", "not n"):
            cases.append((name, ["f", "i", "k", "h", "w", "s", "t", "b"], {"cond": condition}))
        cases += [(name, ["f", "i", "k", "w"], {"cond": "n", "other": other}) for other in (0, 9.0, 2.5, -1)]
        cases += [(name, ["f", "k"], {"cond": "g > 1", "other": "h"}), (name, "s", {"cond": "b", "other": "x"})]
        cases += [
            (name, "s", {"cond": "b", "other": {"column": "u"}}),
            (name, "t", {"cond": "b", "other": "v"}),
            (name, "b", {"cond": "n", "other": True}),
        ]
        cases += [(name, "t", {"cond": "b", "other": "2020-01-01"})]
    return cases


def _tables() -> list[Case]:
    mappings: list[Any] = [
        {"VW": 1, "Audi": 2},
        {"VW": "v", "": "empty", "é": "e"},
        {"VW": True, "": False},
        {"VW": 1.5, NAN: -1},
    ]
    cases: list[Case] = [("map", ["s", "u"], {"arg": mapping}) for mapping in mappings]
    cases += [
        ("map", ["i", "k"], {"arg": m})
        for m in ({1: "a", -1: "b"}, {0: 0.5}, {7.0: 1, 2.0: 2}, {7: 1, 2**53 + 1: 2, -(2**63): 3}, {1: True, 0: False})
    ]
    cases += [("map", ["f", "g", "h"], {"arg": m}) for m in ({1.5: "a", 0: "zero"}, {NAN: 7, 2.5: 8}, {3: 1, -3.0: 2})]
    cases += [("map", "w", {"arg": {0.5: "half", 2.5: "more"}}), ("map", "b", {"arg": {True: "yes", False: "no"}})]
    cases += [
        ("map", "b", {"arg": {True: 1, False: 0}}),
        ("map", "n", {"arg": {True: "yes", False: "no"}}),
        ("map", "b", {"arg": {True: "y"}}),
    ]
    cases += [
        ("map", "s", {"arg": {"VW": "x", NAN: "gone"}}),
        ("map", "s", {"arg": {"VW": "x", NAN: "gone"}, "na_action": "ignore"}),
    ]
    replacements: list[Any] = [{"VW": "x"}, {"VW": "Audi", "Audi": "VW", "": "e"}, {NAN: "gone", "": NAN}, {"absent": "y"}]
    cases += [("replace", ["s", "u"], {"to_replace": r}) for r in replacements]
    cases += [
        ("replace", "s", {"to_replace": ["VW", "Audi"], "value": "car"}),
        ("replace", "s", {"to_replace": ["VW", "Audi"], "value": ["v", "a"]}),
    ]
    cases += [("replace", ["i", "k"], {"to_replace": r}) for r in ({1: 10}, {1: 2, 2: 1, 3: 30}, {0: -1, 7: MIN})]
    cases += [("replace", "k", {"to_replace": r}) for r in ({1: 2.5}, {0: NAN}, {1: 0.5, 2: 0.25, 3: 0.125})]
    cases += [
        ("replace", ["f", "g", "h"], {"to_replace": r})
        for r in ({0: 1}, {NAN: -1}, {2.5: NAN, 0.5: 1, 3.0: 4}, {INF: 1e9, -INF: -1e9})
    ]
    cases += [("replace", "w", {"to_replace": {0.5: 5.0, 2.5: 1}}), ("replace", "b", {"to_replace": {True: False}})]
    lists: list[list[Any]] = [[0, 1], [1.5, 2.5, NAN], [None], ["VW"], [], [7.0, -1], [True], [2**53 + 1, -(2**63)], ["VW", 1]]
    cases += [("isin", ["f", "g", "i", "k", "w", "b", "n", "s", "u"], {"values": values}) for values in lists]
    return cases


MIN = -(2**63)


def _conversions() -> list[Case]:
    cases: list[Case] = [
        ("astype", ["i", "k", "b"], {"dtype": dtype}) for dtype in ("int64", "int", "float64", "bool", "str", "int32", "Int64")
    ]
    cases += [("astype", ["f", "g", "h", "w", "n"], {"dtype": dtype}) for dtype in ("float64", "float32", "float")]
    cases += [("astype", ["f", "g", "h", "w", "i", "s", "u", "b"], {"dtype": "bool"}), ("astype", ["s", "u"], {"dtype": "str"})]
    cases += [
        ("astype", ["t", "d"], {"dtype": "int64"}),
        ("astype", ["f", "s"], {"dtype": "category"}),
        ("astype", "n", {"dtype": "str"}),
    ]
    cases += [
        ("astype", "n", {"dtype": "boolean"}),
        ("astype", "b", {"dtype": "boolean"}),
        ("astype", "k", {"dtype": "datetime64[us]"}),
    ]
    cases += [("astype", "n", {"dtype": "Int64"})]
    return cases


def _bins() -> list[Case]:
    edges: list[list[Any]] = [[-3, 0, 2, 65], [0, 18, 65], [-INF, 0, INF], [0.5, 1.5, 2.5], [-10.0, 1.0]]
    cases: list[Case] = []
    for bins in edges:
        labels = [f"bin{number}" for number in range(len(bins) - 1)]
        for right in (True, False):
            for lowest in (True, False):
                arguments = {"bins": bins, "right": right, "include_lowest": lowest}
                cases.append(("cut", ["f", "g", "h", "i", "k", "w"], {**arguments, "labels": labels}))
                cases.append(("cut", ["f", "g", "k"], {**arguments, "labels": False}))
        cases.append(("cut", ["f", "g"], {"bins": bins}))
        cases.append(("cut", ["g"], {"bins": bins, "labels": list(range(len(labels)))}))
    cases += [
        ("cut", "g", {"bins": [0, 1, 1, 5], "duplicates": "drop"}),
        ("cut", "i", {"bins": [2**53, 2**53 + 1, 2**53 + 2], "labels": False}),
    ]
    cases += [
        ("cut", "g", {"bins": [0, 1, 5], "labels": ["x", "x"], "ordered": False}),
        ("cut", "b", {"bins": [-1, 0, 1], "labels": ["n", "y"]}),
    ]
    return cases


CASES = [*_arithmetic(), *_comparisons(), *_numbers(), *_missing(), *_tables(), *_conversions(), *_bins()]


@pytest.mark.parametrize(("name", "columns", "arguments"), CASES, ids=lambda value: str(value)[:60])
def test_a_method_agrees_with_pandas(name: str, columns: Any, arguments: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    columns = [columns] if isinstance(columns, str) else columns
    into = [f"{column}_new" for column in columns]
    proof = prove(Pandas(import_=name, cols=columns, kwargs=arguments, into=into), hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(7)
