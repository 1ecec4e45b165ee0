"""Constants that onnxruntime would take for 0 or 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rtml_core.assemble import assemble
from rtml_core.lowering.builder import Builder
from rtml_core.testing import run_model

X = np.array([[3.0], [-0.1], [0.0], [1e-300], [np.inf], [np.nan], [1e308]])
OPS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "Mul": np.multiply,
    "Div": np.divide,
    "Add": np.add,
    "Sub": np.subtract,
}


@pytest.mark.parametrize("shape", [(1, 1), (1,), ()])
@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize(
    "constant", [1.0, 0.0, 1.0000000001, 1 - 1e-16, 1e-50, -1e-50, 5e-324, 1e-40, 1.0000001, 2.0, 1e300, np.inf]
)
def test_a_constant_close_to_neutral_is_not_lost(name: str, constant: float, shape: tuple[int, ...]) -> None:
    b = Builder()
    x = b.input("x", "float64", 1)
    c = b.const(np.full(shape, constant), "float64")
    outputs = {"right": b.op(name, x, c), "left": b.op(name, c, x)}
    found = run_model(assemble(b, {key: b.alias(value) for key, value in outputs.items()}).model, {"x": X})
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found["right"], OPS[name](X, np.float64(constant)))
        np.testing.assert_array_equal(found["left"], OPS[name](np.float64(constant), X))


def test_a_reciprocal_times_a_number_is_not_a_quotient() -> None:
    b = Builder()
    x = b.input("x", "float64", 1)
    product = b.op("Mul", b.op("Div", b.const([[1.0]]), x), x)
    values = np.linspace(0.1, 99.9, 1001)[:, None]
    found = run_model(assemble(b, {"y": b.alias(product)}).model, {"x": values})["y"]
    np.testing.assert_array_equal(found, 1.0 / values * values)
    assert (found != 1.0).any()


def test_usual_constants_take_one_node() -> None:
    b = Builder()
    x = b.input("x", "float64", 1)
    b.op("Mul", x, b.const([[1.5]]))
    b.op("Add", x, b.const([[1.0]]))
    b.op("Mul", x, x)
    assert [node.op_type for node in b.nodes] == ["Mul", "Add", "Mul"]
