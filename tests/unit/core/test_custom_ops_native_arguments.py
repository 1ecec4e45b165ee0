"""Arguments of native operators arrive as they were given: every float to the last bit, every text to the last byte."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.assemble import assemble
from rtml_core.custom_ops import apply
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.running import run_model
from tests.unit.core.native.build import PLUGIN, build, put


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The plugin with native operators, and its library."""
    folder = tmp_path_factory.mktemp("site")
    build(folder / "built.so")
    sys.path.insert(0, str(put(folder, folder / "built.so")))
    try:
        yield importlib.import_module(PLUGIN)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(PLUGIN)]:
            del sys.modules[name]


def compiled(op: Any, values: Any, **arguments: Any) -> list[Any]:
    """What the library answers for a column."""
    b = Builder()
    made = custom(b, op, Symbolic(op.inputs[0], b.input("x", op.inputs[0], 1), 0, True), **arguments)
    model = assemble(b, {f"out{position}": column.tensor for position, column in enumerate(made)})
    feed = np.array(values, dtype=object if op.inputs[0] == "string" else op.inputs[0])[:, None]
    return [values[:, 0].tolist() for values in run_model(model.model, {"x": feed}, model.custom_ops.values()).values()]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"), max_size=40)


@settings(max_examples=40)
@given(factor=st.one_of(NUMBERS, st.integers(-(2**53), 2**53)), offset=st.none() | INTEGERS, negate=st.booleans(), x=NUMBERS)
def test_numbers(tally: Any, factor: float, offset: int | None, negate: bool, x: float) -> None:
    arguments = {"factor": factor, "offset": offset, "negate": negate, "domain": []}
    with np.errstate(all="ignore"):
        wanted = x * float(factor)
        wanted = wanted + float(offset) if offset is not None else wanted
    (found,) = compiled(tally.SCALED, [x], **arguments)
    assert np.array(found).tobytes() == np.array([-wanted if negate else wanted]).tobytes() or (
        np.isnan(found[0]) and np.isnan(wanted)
    )


@settings(max_examples=40)
@given(mark=TEXTS, text=TEXTS)
def test_texts(tally: Any, mark: str, text: str) -> None:
    found, length = compiled(tally.MARKED, [text, "\ufdd0"], mark=mark)
    assert found == [mark + text, "\ufdd0"]
    assert length[0] == len((mark + text).encode())
    assert apply(tally.MARKED, [text, None], mark=mark)[0].tolist() == [mark + text, None]


@pytest.mark.parametrize("factor", [2**53 + 1, -(2**63) + 1, 10**400])
def test_a_whole_number_that_no_float_is_is_refused(tally: Any, factor: int) -> None:
    with pytest.raises(
        NotLowerableError, match=f"tally:scaled 1: argument 'factor' must be a number that float64 holds; got {str(factor)[:9]}"
    ):
        compiled(tally.SCALED, [1.0], factor=factor, offset=None, negate=False, domain=[])
    assert len(compiled(tally.SCALED, [1.0], factor=2**62, offset=None, negate=False, domain=[])) == 1


def test_half_a_character_and_what_is_no_number_are_refused(tally: Any) -> None:
    with pytest.raises(NotLowerableError, match="JSON"):
        compiled(tally.SCALED, [1.0], factor=float("nan"), offset=None, negate=False, domain=[])
    with pytest.raises(NotLowerableError, match="tally:marked 1: argument 'mark' holds half of a character; got"):
        compiled(tally.MARKED, ["a"], mark="\ud800")
    with pytest.raises(NotLowerableError, match=r"tally:marked 1: argument 'mark' holds U\+0000, where a text ends in C; got"):
        compiled(tally.MARKED, ["a"], mark="a\0b")
