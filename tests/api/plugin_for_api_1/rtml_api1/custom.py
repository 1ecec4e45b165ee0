"""Custom operators: a text turned round by Python, and a formula that becomes an ONNX function."""

from __future__ import annotations

from typing import Any

from rtml_core import CustomOp


def turn(texts: Any, times: int) -> Any:
    """Each text from its end, an odd number of times."""
    import numpy as np

    return np.array([text[::-1] if times % 2 else text for text in texts], dtype=object)


def halve(xp: Any, value: Any) -> Any:
    """Half of a number."""
    return xp.multiply(value, 0.5)


def turn_cases() -> list[tuple[list[str]]]:
    """Texts at which turning round is delicate."""
    return [(["", "ab", "e\u0301", "\U0001f642x"],)]


TURN = CustomOp(
    domain="example.api1",
    name="turn",
    version=1,
    inputs=("string",),
    outputs=("string",),
    body="rtml_api1.custom:turn",
    doc="The text from its end.",
    arguments={"times": "int"},
)
HALVE = CustomOp("example.api1", "halve", 1, ("float64",), ("float64",), "rtml_api1.custom:halve", "Half.", kind="function")
