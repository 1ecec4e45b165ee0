"""FieldTrans: names, types, order and defaults of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ColumnError, ParamError, RtmlError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.fields.steps import Step

_NAMES = "a field name or a list of them"


class FieldTransParams(Params):
    """See FieldTrans."""

    ops: Annotated[
        list[dict[str, Any]] | None,
        doc(
            "The operations in the order in which they are applied; instead of the parameters below.",
            'a list of objects such as {"rename": {"old": "new"}}',
        ),
    ] = None
    copy: Annotated[dict[str, str] | None, doc("Fields to copy, and the names of the copies.")] = None
    rename: Annotated[dict[str, str] | None, doc("Fields to rename, and their new names.")] = None
    cast: Annotated[
        dict[str, str] | None,
        doc(
            'Fields and what they become: float, int, bool, string or timestamp, with "?" where a row may be missing.',
            'an object of field names and types, e.g. {"age": "int"}',
        ),
    ] = None
    failed: Annotated[
        Any,
        doc(
            "What becomes of a value that can't be cast: the row is refused, the value is missing, or it is a constant.",
            '"refuse", "missing" or {"value": constant}',
        ),
    ] = "refuse"
    default: Annotated[
        dict[str, Any] | None, doc("Fields, and the value that stands where they are missing; an ISO text for a timestamp.")
    ] = None
    require: Annotated[str | list[str] | None, doc("Fields that must be there: a row without one is refused.", _NAMES)] = None
    drop: Annotated[str | list[str] | None, doc("Fields to leave out.", _NAMES)] = None
    keep: Annotated[str | list[str] | None, doc("The only fields to keep, in this order.", _NAMES)] = None
    move: Annotated[str | list[str] | None, doc("Fields to put first, in this order.", _NAMES)] = None

    def validate(self) -> None:
        from rtml_plugins.fields.steps import read

        named = self.named()
        if self.ops is not None and named:
            raise ParamError(f"parameter 'ops' must be left out when '{next(iter(named[0]))}' is given, or hold everything")
        if not self.ops and not named:
            raise ParamError("says not what to do: give 'ops', or one of copy, rename, cast, default, require, drop, keep, move")
        read(self.operations())

    def named(self) -> list[dict[str, Any]]:
        """The operations that the parameters other than `ops` say, in order."""
        from rtml_plugins.fields.steps import KINDS

        found = [{kind: getattr(self, kind)} for kind in KINDS if getattr(self, kind) is not None]
        if self.failed != "refuse":
            if self.cast is None:
                raise ParamError(f"parameter 'failed' must be left out without 'cast'; got {self.failed!r}")
            next(op for op in found if "cast" in op)["failed"] = self.failed
        return found

    def operations(self) -> list[dict[str, Any]]:
        """All operations, as a list."""
        return self.ops or self.named()


class FieldTrans(Operator):
    """Renames, casts, copies, moves and drops fields, gives them defaults, and requires them.

    As parameters, applied in the order copy, rename, cast, default, require, drop, keep, move:
    `FieldTrans(rename={"yrs": "age"}, cast={"age": "int"}, drop="debug")`. Or as a list `ops` of objects with one of these keys
    each, applied in the order of the list; `cast` may have `failed` beside it, `move` may have `to`: "first", "last",
    {"before": "field"} or {"after": "field"}.

    A cast goes to a type of a signature. Texts become numbers where they are written like one, "-12.5" or "3e5" without blanks;
    whole numbers of up to 18 digits; booleans from true, false, 1 and 0; timestamps from ISO 8601. Floats become int where they
    are whole, and bool where they are 0 or 1. Whole numbers and booleans ("true", "false") become string. Without "?", the
    field is never missing afterwards, so a missing value is one that can't be cast; with "?" it stays missing, and an "int?" is
    a float64 of whole numbers, as everywhere. `failed` says what becomes of a value that can't be cast: "refuse" the row,
    "missing", or {"value": constant}.

    Names that are not there, and new names that are, are errors. Renaming, dropping, copying and moving cost nothing in the
    compiled graph.
    """

    Params = FieldTransParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(price="float?", visits="int", rows=40)
        return [(cls(rename={"price": "cost"}, drop=["visits"]), rows)]

    def setup(self) -> None:
        from rtml_plugins.fields.steps import read

        self.steps = read(self.params.operations())

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Apply the steps one after the other; the frame itself stays as it is."""
        import pandas as pd

        from rtml_core.frames import canonical
        from rtml_plugins.fields.steps import rearranged

        frame = canonical(frame)
        for step in self.steps:
            with _Place(self.steps, step, list(frame.columns)):
                if step.kind in ("cast", "default", "require"):
                    frame = _on_values(step, frame)
                else:
                    columns = rearranged(step, {name: frame[name] for name in frame.columns})
                    frame = pd.DataFrame(columns, index=frame.index, columns=list(columns))
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.fields.steps import rearranged

        for step in self.steps:
            with _Place(self.steps, step, list(columns)):
                if step.kind in ("cast", "default", "require"):
                    columns = _lowered(step, b, columns)
                else:
                    columns = rearranged(step, columns)
        return columns


class _Place:
    """Errors inside gain the operation, where there are several; its fields must be there."""

    def __init__(self, steps: list[Step], step: Step, known: list[str]):
        self.place = step.place
        self.step, self.known = step, known

    def __enter__(self) -> None:
        from rtml_plugins.fields.steps import require

        try:
            require(self.step, self.known)
        except RtmlError as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: Any, error: Any, _: Any) -> None:
        if isinstance(error, RtmlError):
            error.args = (f"{self.place}: {error}",)


def _on_values(step: Step, frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from rtml_core.frames import dtype_word, from_carrier, to_carrier
    from rtml_plugins.fields.casts import eager

    if step.kind == "default":
        filled: pd.DataFrame = step.given.transform(frame)
        return filled
    if step.kind == "require":
        for name in step.given:
            gone = frame[name].isna().to_numpy()
            if gone.any():
                raise ColumnError(f"row {int(gone.argmax())} has no '{name}', which is required")
        return frame
    frame = frame.copy(deep=False)
    for cast in step.given:
        values, dtype = eager(cast, to_carrier(frame[cast.field], True), dtype_word(frame[cast.field]))
        frame[cast.field] = pd.Series(from_carrier(values, dtype), index=frame.index)
    return frame


def _lowered(step: Step, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
    from dataclasses import replace

    from rtml_core.lowering.symbolic import missing_mask, new, value_of
    from rtml_plugins.fields.casts import lowered

    if step.kind == "default":
        found: dict[str, Symbolic] = step.given.lower(b, columns)
        return found
    if step.kind == "cast":
        return {**columns, **{cast.field: lowered(cast, b, columns[cast.field]) for cast in step.given}}
    result = dict(columns)
    for name in step.given:
        column = columns[name]
        if column.nullable:
            b.check(b.op("Not", missing_mask(b, column)), f"a missing value of '{name}', which is required")
            if column.dtype == "bool":
                result[name] = new("bool", b.op("Equal", value_of(b, column), b.const([[1.0]], "float64"), dtype="bool"))
            else:
                result[name] = replace(column, nullable=False)
    return result
