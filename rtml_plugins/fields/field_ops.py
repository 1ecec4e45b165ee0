"""FieldOps: arithmetic, conditions and constants on fields, as a list of small operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: agreement of what goes through the machine's mathematical library: (relative, absolute)
LIBRARY_TOLERANCE = (1e-13, 1e-13)


class FieldOpsParams(Params):
    """See FieldOps."""

    ops: Annotated[
        list[dict[str, Any]],
        doc(
            "The operations, applied in order: each names the field that it sets and says what the field becomes.",
            'a list of objects such as {"set": "ratio", "to": "a / b"}',
        ),
    ]

    def validate(self) -> None:
        from rtml_plugins.fields.operations import read

        if not self.ops:
            raise ParamError("parameter 'ops' must hold at least one operation; got an empty list")
        read(self.ops)


class FieldOps(Operator):
    """Sets fields: arithmetic, conditions, constants, texts put together. A list of operations, applied in order.

    Every operation is an object with `set`, the field, new or replaced, and one of:

    - `to`: an expression, "price * quantity", with arithmetic, comparisons, and, or, not, in, constants in quotes, functions
      such as log and abs, and field names (`in backticks` where a name has blanks); as pandas' eval reads it.
    - `value`: a constant: string, number, boolean or {"timestamp": "2026-01-31"}.
    - `if`, `then`, `else`: a value where a condition is true, another where it is not.
    - `cases`, `else`: a list of {"if": ..., "then": ...}; the first condition that is true decides.
    - `flag`: whether a condition is true, as a boolean, or as 0 and 1 with {"as": "int"}.
    - `coalesce`: the first of several fields that is there.
    - `min`, `max`: the smallest, the largest of several fields; missing ones are passed over.
    - `count`: how many of several fields are there, int64.
    - `concat`: texts and whole numbers one behind the other, with `sep` between them; missing where a part is, or `missing`
      stands in its place.

    In `then`, `else` and `value` a text is a constant; a field is {"field": "name"} and an expression {"expr": "price * 2"};
    null is missing. In `coalesce`, `min`, `max`, `count` and `concat` a text is the name of a field, a constant text
    {"value": "none"}. Without `else`, the field keeps its value, or is missing if it is new.

    A condition is an expression, "age < 18"; {"missing": "age"}, {"present": "age"}; {"field": "country", "in": ["DE", "AT"]};
    {"field": "url", "contains": "/cart"}, or "starts_with" or "ends_with"; or {"all": [...]}, {"any": [...]}, {"not": ...}. A
    condition that is missing counts as false. As in pandas, a missing value is neither less than, equal to nor greater than
    anything: `age < 18` is false for a missing age, and `age != 18` and `not (age < 18)` are true. Ask {"missing": "age"} first
    where that matters.

    Values of one field are of one kind: numbers, texts, booleans or timestamps. Whole numbers stay int64 unless a float or a
    missing value is among them.
    """

    Params = FieldOpsParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(price="float?", visits="int", rows=40)
        return [(cls(ops=[{"set": "ratio", "to": "price / visits"}]), rows)]

    def setup(self) -> None:
        from rtml_core.lowering.expressions import uses_functions
        from rtml_plugins.fields.operations import expressions_in, read

        self.operations = read(self.params.ops)
        if any(uses_functions(found.text) for found in expressions_in(self.operations)):
            self.tolerance = LIBRARY_TOLERANCE  # type: ignore[misc]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Apply the operations one after the other; the frame itself stays as it is."""
        from rtml_core.frames import canonical
        from rtml_plugins.fields.eager import apply

        frame = canonical(frame)
        for operation in self.operations:
            frame = apply(operation, frame)
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.fields.lowering import apply

        for operation in self.operations:
            columns = apply(operation, b, columns)
        return columns
