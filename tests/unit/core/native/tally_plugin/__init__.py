"""A plugin with native operators, installed by the tests with the library that they build of ../tally.c."""

import math
from typing import Annotated, Any

import numpy as np

from rtml_core import CustomOp, Operator, Params, doc, hookimpl
from rtml_core.custom_ops import apply


def scaled(x: Any, factor: float, offset: int | None, negate: bool, domain: list[Any]) -> Any:
    value = x * factor + (offset or 0)
    return -value if negate else value


def marked(texts: Any, mark: str) -> Any:
    made = [mark + text for text in texts]
    return np.array([*made, None], dtype=object)[:-1], np.array([len(text.encode()) for text in made], dtype=np.int64)


def later(times: Any) -> Any:
    moved = times + np.timedelta64(1, "D")
    return moved, moved > np.datetime64(0, "us")


def absent(texts: Any) -> Any:
    return np.array([text is None for text in texts], dtype=bool)


def rooted(x: Any) -> Any:
    return np.array([math.sqrt(value) for value in x], dtype=float)


def _op(name: str, version: int, inputs: str, outputs: tuple[str, ...], body: Any, **more: Any) -> CustomOp:
    return CustomOp(
        "tally",
        name,
        version,
        (inputs,),
        outputs,
        body,
        f"For the tests: {name}.",
        kind="native",
        library="tally_plugin:_tally",
        **more,
    )


SCALED = _op(
    "scaled", 1, "float64", ("float64",), scaled,
    arguments={"factor": "float", "offset": "int?", "negate": "bool", "domain": "list"},
)  # fmt: skip
MARKED = _op("marked", 1, "string", ("string", "int64"), marked, arguments={"mark": "string"})
LATER = _op("later", 2, "timestamp", ("timestamp", "bool"), later)
ABSENT = _op("absent", 1, "string", ("bool",), absent, sees_missing=True)
ROOTED = _op("rooted", 1, "float64", ("float64",), rooted)
OPS = [SCALED, MARKED, LATER, ABSENT, ROOTED]


class Rooted(Operator):
    "The root of a column, in C."

    lowering_kind = "native"

    class Params(Params):
        col: Annotated[str, doc("column of numbers that are not negative")]

    def transform(self, frame: Any) -> Any:
        return frame.assign(**{self.params.col: apply(ROOTED, frame[self.params.col])[0]})

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.custom import custom

        return {**columns, self.params.col: custom(b, ROOTED, columns[self.params.col])[0]}


class Marked(Operator):
    "Texts of a column behind a mark, in C."

    lowering_kind = "native"

    class Params(Params):
        col: Annotated[str, doc("column of texts")]
        mark: Annotated[str, doc("what stands before each")] = ">"

    def transform(self, frame: Any) -> Any:
        return frame.assign(**{self.params.col: apply(MARKED, frame[self.params.col], mark=self.params.mark)[0]})

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.custom import custom

        return {**columns, self.params.col: custom(b, MARKED, columns[self.params.col], mark=self.params.mark)[0]}


@hookimpl
def rtml_operators() -> Any:
    return [Rooted, Marked]


@hookimpl
def rtml_custom_ops() -> Any:
    return OPS
