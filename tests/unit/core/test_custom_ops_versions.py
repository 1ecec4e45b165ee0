"""Several versions of one operator side by side: in one plugin, one package and one session; in packages of different days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtml_core import CustomOp, Graph, Operator, Params, Runtime, hookimpl, operators
from rtml_core.testing import isolated_plugins


def mark_once(texts: Any) -> Any:
    return np.array([f"{text}!" for text in texts] + [""], dtype=object)[:-1]


def mark_twice(texts: Any) -> Any:
    return np.array([f"{text}!!" for text in texts] + [""], dtype=object)[:-1]


def grown(xp: Any, x: Any, by: float) -> Any:
    return x + by


def grown_by_factor(xp: Any, x: Any, by: float) -> Any:
    return x * by


#: version -> the operator, of kind "python" and of kind "function"
MARK = {
    number: CustomOp("versions", "mark", number, ("string",), ("string",), body, "Texts with marks.")
    for number, body in ((1, mark_once), (2, mark_twice))
}
GROWN = {
    number: CustomOp(
        "versions", "grown", number, ("float64",), ("float64",), body, "A number, grown.", {"by": "float"}, kind="function"
    )
    for number, body in ((1, grown), (2, grown_by_factor))
}


class Both(Operator):
    """What several versions answer, in columns m1, m2, g1, g2."""

    class Params(Params):
        versions: list[int]

    def columns(self) -> Sequence[str]:
        return ["s", "x"]

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        s, x = columns
        made = {f"m{number}": xp.custom(MARK[number], s) for number in self.params.versions}
        return {**made, **{f"g{number}": xp.custom(GROWN[number], x, by=3.0) for number in self.params.versions}}


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    return [Both]


@hookimpl
def rtml_custom_ops() -> list[CustomOp]:
    return [*MARK.values(), *GROWN.values()]


def graph(*versions: int) -> Graph:
    return operators.Receiver(schema={"s": "string?", "x": "float"}) >> operators.Both(versions=list(versions))


def test_versions_of_one_operator_answer_in_one_session(tmp_path: Path) -> None:
    with isolated_plugins(rtml_operators, rtml_custom_ops) as plugins:
        names = ["versions:grown 1", "versions:grown 2", "versions:mark 1", "versions:mark 2"]
        assert plugins.info("tested").custom_ops == names
        graph(1, 2).compile().save(tmp_path / "both.rtml")
        runtime = Runtime.from_file(tmp_path / "both.rtml", trust="all")
        assert [entry.label for entry in runtime.manifest.ops if entry.custom] == names
        answer = {"m1": "a!", "m2": "a!!", "g1": 8.0, "g2": 15.0}
        assert runtime.score_row({"s": "a", "x": 5.0}) == {"s": "a", "x": 5.0, **answer}
        assert runtime.score_row({"s": None, "x": 5.0})["m2"] is None


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_packages_with_different_versions_are_open_at_once(order: tuple[int, int], tmp_path: Path) -> None:
    with isolated_plugins(rtml_operators, rtml_custom_ops):
        for number in order:
            graph(number).compile().save(tmp_path / f"{number}.rtml")
        runtimes = {number: Runtime.from_file(tmp_path / f"{number}.rtml", trust="all") for number in order}
        for number, text, value in ((1, "a!", 8.0), (2, "a!!", 15.0), (1, "a!", 8.0)):
            answer = runtimes[number].score_row({"s": "a", "x": 5.0})
            assert (answer[f"m{number}"], answer[f"g{number}"]) == (text, value)
