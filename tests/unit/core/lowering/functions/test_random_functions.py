"""Random functions, on rows of hard values: Python itself, the tree and the graph agree on every row, raising included."""

from __future__ import annotations

import importlib.util
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtml_core.errors import NotLowerableError
from tests.unit.core.lowering.functions.harness import FLOATS, TEXTS, WHOLE, assert_three_ways
from tests.unit.core.lowering.functions.written import COLUMNS, Writer

ROWS = 80
_COUNT = iter(range(10**9))


def loaded(source: str, folder: Path) -> Any:
    """The function `f` of a module with this source, imported from a file."""
    path = folder / f"written_{next(_COUNT)}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # ("is" with a literal, and the like)
        spec.loader.exec_module(module)
    return module.f


def rows(chance: random.Random, absent: Any) -> list[tuple[Any, ...]]:
    def some(values: list[Any], missing: bool) -> Any:
        return absent if missing and chance.random() < 0.15 else chance.choice(values)

    made = []
    for _ in range(ROWS):
        truth = chance.choice([True, False, None]) if absent is None else chance.choice([True, False])
        numbers = some(FLOATS, True), some(FLOATS, False), some(WHOLE, False), some(WHOLE, False)
        made.append((*numbers, truth, some(TEXTS, True), some(TEXTS, False)))
    return made


@given(seed=st.integers(0, 2**32), as_pandas=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_python_tree_and_graph_agree(seed: int, as_pandas: bool) -> None:
    chance = random.Random(seed)
    source = Writer(chance).function()
    columns = {name: spec for name, (spec, _) in COLUMNS.items()}
    if as_pandas:
        columns["p"] = "bool"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        function = loaded(source, Path(folder))
        try:
            absent, missing = (float("nan"), "nan") if as_pandas else (None, "none")
            assert_three_ways(function, columns, rows(chance, absent), missing)
        except NotLowerableError:
            return  # a refusal is an answer; test_lowering_refusals says which there are
        except AssertionError as error:
            pytest.fail(f"{error}\n{source}")


def test_most_random_functions_compile(tmp_path: Path) -> None:
    compiled = 0
    for seed in range(12):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            function = loaded(Writer(random.Random(seed)).function(), tmp_path)
            try:
                assert_three_ways(function, {name: spec for name, (spec, _) in COLUMNS.items()}, rows(random.Random(seed), None))
            except NotLowerableError:
                continue
        compiled += 1
    assert compiled >= 7
