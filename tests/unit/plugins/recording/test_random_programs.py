"""Random programs of statements that can be recorded, on random frames: the graph gives what pandas gave, and compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rtml
from rtml_plugins.recording.comparing import difference

Statement = Callable[[Any, str, str, float], Any]

NUMBERS = ["x", "n", "m"]
TEXTS = ["k", "s"]
#: of numbers: what stands on the right side of t[...] =
OF_NUMBERS: dict[str, Statement] = {
    "plus": lambda t, a, b, c: t[a] + t[b],
    "minus": lambda t, a, b, c: c - t[a],
    "times": lambda t, a, b, c: t[a] * t[b] - c,
    "per": lambda t, a, b, c: t[a] / (t[b].abs() + 1),
    "mixed": lambda t, a, b, c: (t[a] + c) * (t[b] - c) / 2,
    "whole": lambda t, a, b, c: t[a] // 3,
    "rest": lambda t, a, b, c: t[a] % 7,
    "clip": lambda t, a, b, c: t[a].clip(-5, c),
    "fill": lambda t, a, b, c: t[a].fillna(t[a].median()),
    "where": lambda t, a, b, c: t[a].where(t[b] > c, -1),
    "choose": lambda t, a, b, c: np.where((t[a] > c) & (t[b] < 3), t[a], 0),
    "select": lambda t, a, b, c: np.select([t[a] < c, t[b] > c], [1, 2], default=0),
    "log": lambda t, a, b, c: np.log1p(t[a].abs()),
    "round": lambda t, a, b, c: (t[a] / 3).round(2),
    "flag": lambda t, a, b, c: ((t[a] >= c) | ~(t[b] == 0)).astype(int),
    "missing": lambda t, a, b, c: t[a].isna().astype(int),
    "row": lambda t, a, b, c: t[[a, "n"] if a != "n" else ["n", "m"]].sum(axis=1),
    "most": lambda t, a, b, c: t[["n", "m"]].max(axis=1),
    "cell": lambda t, a, b, c: t[a].map(lambda v: v * 2 if v > 0 else 0),
    "text length": lambda t, a, b, c: t["k"].str.len().fillna(0),
    "scaled": lambda t, a, b, c: (t[a] - t[a].mean()) / (t[a].std() + 1),
    "coded": lambda t, a, b, c: t["k"].map({"a": 1, "b": 2}).fillna(-1),
    "group": lambda t, a, b, c: t["s"].map(t.groupby("s")["m"].mean()),
    "hour": lambda t, a, b, c: t["at"].dt.hour,
    "days": lambda t, a, b, c: (pd.Timestamp("2030-01-01") - t["at"]).dt.days,
    "cut": lambda t, a, b, c: pd.cut(t[a], [-1e6, 0, 10, 1e6], labels=False),
}
OF_TEXTS: dict[str, Statement] = {
    "upper": lambda t, a, b, c: t[a].str.upper(),
    "join": lambda t, a, b, c: t[a] + "-" + t[b],
    "filled": lambda t, a, b, c: t[a].fillna("none"),
    "first": lambda t, a, b, c: t[a].str[:1],
    "part": lambda t, a, b, c: t[a].str.split("b").str[0],
    "kept": lambda t, a, b, c: t[a].where(t[a].isin(["a", "ab"]), "other"),
    "named": lambda t, a, b, c: np.where(t["n"] > c, t[a], "low"),
    "replaced": lambda t, a, b, c: t[a].replace({"a": "A"}),
}


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    rows = draw(st.integers(3, 8))
    whole = st.integers(-20, 20)
    texts = st.sampled_from(["a", "b", "ab", "", "xbx"])
    seconds = st.integers(0, 10**9)
    return pd.DataFrame(
        {
            "x": [draw(st.one_of(st.none(), st.floats(-100, 100, width=16))) for _ in range(rows - 1)] + [1.5],
            "n": [draw(whole) for _ in range(rows)],
            "m": [draw(whole) for _ in range(rows)],
            "k": [draw(st.one_of(st.none(), texts)) for _ in range(rows - 1)] + ["a"],
            "s": [draw(texts) for _ in range(rows)],
            "at": [pd.Timestamp(draw(seconds), unit="s") for _ in range(rows)],
        }
    )


numeric = st.tuples(
    st.sampled_from([*NUMBERS, "new", "other"]),
    st.sampled_from(sorted(OF_NUMBERS)),
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS),
    st.integers(-3, 6),
)
textual = st.tuples(
    st.sampled_from([*TEXTS, "word"]),
    st.sampled_from(sorted(OF_TEXTS)),
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.integers(-3, 6),
)
programs = st.lists(st.one_of(numeric, textual), min_size=1, max_size=7)


def run(t: Any, program: list[tuple[str, str, str, str, int]]) -> None:
    for target, name, one, two, number in program:
        t[target] = (OF_TEXTS if target in (*TEXTS, "word") else OF_NUMBERS)[name](t, one, two, number)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(frame=frames(), program=programs)
def test_the_graph_of_a_random_program_gives_what_pandas_gives(
    frame: pd.DataFrame, program: list[tuple[str, str, str, str, int]]
) -> None:
    native = frame.copy()
    run(native, program)
    with rtml.record(frame) as t:
        run(t, program)
    answers = t.graph.run(frame)
    assert list(t.frame.columns) == list(native.columns) == list(answers.columns)
    for name in native.columns:
        assert difference(native[name], t.frame[name]) is None
        assert difference(native[name], answers[name]) is None


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(frame=frames(), program=programs)
def test_a_random_program_compiles_and_scores_as_pandas_does(
    frame: pd.DataFrame, program: list[tuple[str, str, str, str, int]]
) -> None:
    with rtml.record(frame) as t:
        run(t, program)
    package = t.graph.compile(sample=frame)
    rows = [{name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")]
    answers = pd.DataFrame([package.score({**row, "at": row["at"].isoformat()}) for row in rows])
    for name in t.frame.columns:
        if name != "at":
            assert difference(t.frame[name], answers[name]) is None, name
