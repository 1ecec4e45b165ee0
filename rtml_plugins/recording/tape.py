"""The tape: what one recording knows. Every operation is checked here, at its line, before it counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import Field, Schema, parse_signature
from rtml_core.errors import NotLowerableError, RtmlError, close_match, describe, listing
from rtml_core.frames import canonical_series, dtype_word
from rtml_plugins.recording.comparing import difference
from rtml_plugins.recording.errors import RecordingError, here, refuse
from rtml_plugins.recording.forms import Form
from rtml_plugins.recording.values import Names, Step, Value

if TYPE_CHECKING:
    import pandas as pd

#: so many rows of an operation are compared at its line; all rows are when the graph is made
ROWS_AT_ONCE: Final = 10_000
_WORDS: Final = {
    "float64": "float",
    "float32": "float",
    "int64": "int",
    "bool": "bool",
    "string": "string",
    "timestamp": "timestamp",
}


@dataclass(frozen=True)
class TrainingConstant:
    """A value that was computed from the training frame: it goes into the graph as it is."""

    what: str
    value: Any
    file: str
    line: int

    @property
    def told(self) -> str:
        """The value on one line."""
        value = self.value
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        return describe(value.tolist() if hasattr(value, "tolist") else value, 200)

    def __str__(self) -> str:
        return f"{self.what} = {self.told} ({self.file}, line {self.line})"


class TrainingConstants(list[TrainingConstant]):
    """Constants in the order in which they were taken; a table in a notebook."""

    def _repr_html_(self) -> str:
        from rtml_plugins.recording.showing import constants_html

        return constants_html(self)

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "no constants"


class Tape:
    """One recording: the fields of a request, the steps so far, and the constants taken from the training frame."""

    def __init__(self, frame: pd.DataFrame, label: str | Sequence[str] | None, schema: Mapping[str, Any] | None):
        self.labels = [label] if isinstance(label, str) else list(label or ())
        self.steps: list[Step] = []
        self.constants: list[TrainingConstant] = []
        self.sources: dict[str, Value] = {}
        self._known: set[Value] = set()
        self.fields: dict[str, Field] = {}
        self._declared = dict(schema or {})
        self.proved: set[Any] = set()
        self.closed = False
        _check_names(frame, self._declared)
        self.frame = self._opened(frame)
        self.unseen = [name for name in self.labels if name not in frame.columns]
        self.rows = len(frame)

    # ---- the fields of a request ----------------------------------------------------------------------------------------

    def _opened(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame as requests bring it, and a value for each of its columns."""
        import pandas as pd

        native: dict[str, Any] = {}
        for name in frame.columns:
            series = frame[name]
            if name in self.labels:
                native[name] = series
                self.sources[name] = Value(None, series, name, refusal=about_label(name), is_label=True)
                continue
            field, reason = self._field(name, series)
            if field is None:
                native[name], self.sources[name] = series, Value(None, series, name, refusal=reason)
                continue
            native[name] = _as_requested(field, series)
            self.fields[name] = field
            self.sources[name] = Value(field.column, native[name], name)
        return pd.DataFrame(native, index=frame.index)

    def _field(self, name: str, series: pd.Series) -> tuple[Field | None, str]:
        """The field that a column is, or why it is none."""
        if name in self._declared:
            try:
                return parse_signature({name: self._declared[name]})[0], ""
            except RtmlError as error:
                refuse(f"schema of '{name}': {error}")
        try:
            found = canonical_series(series, name)
            word = _WORDS.get(dtype_word(found))
        except RtmlError as error:
            return None, f"{error}. A request can't bring it: leave it out, or make columns of it before the recording"
        if word is None:
            return None, f"Column '{name}' is {dtype_word(found)}, and a request can't bring it: record the two moments instead"
        try:
            return parse_signature({name: word + ("?" if found.isna().any() and word != "int" else "")})[0], ""
        except RtmlError as error:
            return None, f"Column '{name}' is no field of a request: {error}"

    def may_be_missing(self, value: Value) -> None:
        """The code deals with missing values of this column: if it is a field, a request may leave it empty."""
        field = self.fields.get(value.hint)
        known = field is None or field.nullable or field.type not in ("float", "string", "timestamp")
        if known or value.step is not None or value.refusal is not None or value.hint in self._declared:
            return
        assert field is not None
        before = {id(item): item.column for item in [value, *(out for step in self.steps for out in step.outputs)]}
        self.fields[field.name] = Field(field.name, field.type, True)
        value.column = self.fields[field.name].column
        try:
            for step in self.steps:
                _infer(step.form, step.inputs, step.outputs)
        except RtmlError:  # what is computed from it elsewhere needs it
            self.fields[field.name] = field
            value.column = before[id(value)]
            for out in (out for step in self.steps for out in step.outputs):
                out.column = before[id(out)]

    # ---- operations -----------------------------------------------------------------------------------------------------

    def record(self, what: str, forms: Iterable[Form], natives: Sequence[pd.Series], hint: str = "") -> list[Value]:
        """One operation: the first form that compiles and gives what pandas gave. Raises RecordingError at the line.

        what: the operation, for messages. natives: what pandas gave, a column for each value that comes out.
        """
        self.check_open()
        forms = list(forms)
        inputs = list(dict.fromkeys(value for form in forms for value in form.inputs))
        refused = next((value.refusal for value in inputs if value.refusal is not None), None)
        stem = hint or "_".join([*(value.shown for value in inputs[:1]), tidy(what)])
        hints = [stem] if len(natives) == 1 else [f"{stem}_{number}" for number in range(len(natives))]
        made = [Value(None, native, tidy(name), refusal=refused) for native, name in zip(natives, hints, strict=True)]
        if refused is not None:
            return made
        place = here()
        if not all(self.knows(value) for value in inputs):
            refuse("a column of another recording can't be part of this one; record both in one block")
        first: RtmlError | None = None
        for form in forms:
            try:
                _infer(form, form.inputs, made)
                _compare(what, form, made)
            except RtmlError as error:
                first = first or error
                continue
            step = Step(form, form.inputs, made, place)
            self.steps.append(step)
            for value in made:
                value.step = step
            self._known.update(made)
            return made
        assert first is not None
        refuse(first if isinstance(first, _Different) else _said(what, first), place)

    def knows(self, value: Value) -> bool:
        """Whether a value is part of this recording."""
        return value in self._known or value in self.sources.values()

    def check_open(self) -> None:
        """Raise RecordingError when the with block has ended."""
        if self.closed:
            refuse("the with block has ended, and nothing more is recorded; write it inside of the block")

    def constant(self, what: str, value: Any) -> Any:
        """Remember a value that was computed from the training frame; the value itself comes back."""
        place = here()
        plain = value.item() if isinstance(value, np.generic) else value
        self.constants.append(TrainingConstant(what, plain, place.file, place.line))
        return value


def about_label(name: str) -> str:
    """Why the label is no feature."""
    return (
        f"'{name}' is the label: it is not there when a request comes. Compute features from the other columns, e.g. of"
        f" t.drop(columns=[{name!r}])"
    )


class _Different(RecordingError):
    """The graph gives something else than pandas did."""


def tidy(text: str) -> str:
    """A name for a column or node out of words for people."""
    return re.sub(r"_+", "_", re.sub(r"\W+", "_", text)).strip("_") or "value"


def default_names(form: Form, outputs: Sequence[Value]) -> tuple[Names, list[str]]:
    """Names for a step by itself: what the user calls its columns, made different."""
    taken: dict[Value, str] = {}
    for value in [*form.inputs, *outputs]:
        name = value.shown
        while name in taken.values():
            name += "_2"
        taken[value] = name
    return Names(taken), [taken[value] for value in outputs]


def _infer(form: Form, inputs: Sequence[Value], outputs: Sequence[Value]) -> None:
    """What is known of the outputs, read off the lowering. Raises RtmlError for what does not compile."""
    names, out = default_names(form, outputs)
    schema = Schema(value.column.renamed(names.name(value)) for value in inputs if value.column is not None)
    for operator in form.build(names, out):
        schema = operator.schema(schema)
    for value, name in zip(outputs, out, strict=True):
        value.column = schema[name]


def run_step(form: Form, inputs: Mapping[Value, pd.Series], outputs: Sequence[Value]) -> dict[Value, pd.Series]:
    """The operators of a step on these columns, as a graph runs them."""
    import pandas as pd

    from rtml_core.frames import canonical

    names, out = default_names(form, outputs)
    frame = canonical(pd.DataFrame({names.name(value): series.array for value, series in inputs.items()}))
    for operator in form.build(names, out):
        frame = canonical(operator.process(frame).data)
    return {value: frame[name] for value, name in zip(outputs, out, strict=True)}


def _compare(what: str, form: Form, outputs: Sequence[Value]) -> None:
    """Run the operators on what pandas had, and compare with what pandas gave."""
    count = len(outputs[0].native)
    step = max(1, -(-count // ROWS_AT_ONCE))
    given = {value: value.native.iloc[::step] for value in form.inputs}
    try:
        results = run_step(form, given, outputs)
    except RtmlError:
        raise
    except Exception as error:  # pandas itself may raise anything
        raise NotLowerableError(f"as a node it fails: {type(error).__name__}: {error}") from error
    for value in outputs:
        found = difference(value.native.iloc[::step], results[value])
        if found is not None:
            raise _Different(f"'{what}' can't be recorded: {found}")


def _said(what: str, error: RtmlError) -> str:
    text = re.sub(r"^(Pandas|FieldOps|NumpyArrays): ", "", str(error))
    return f"'{what}' {text}" if text.startswith(("cannot ", "has no ", "gives ", "needs ", "puts ")) else f"'{what}': {text}"


def _check_names(frame: pd.DataFrame, declared: Mapping[str, Any]) -> None:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        refuse(f"record takes a pandas DataFrame; got {describe(frame)}")
    odd = next((name for name in frame.columns if not isinstance(name, str) or not name), None)
    if odd is not None or frame.columns.nlevels > 1:
        refuse(f"columns must be named by texts; got {odd!r}. Rename them first, e.g. df.columns = df.columns.map(str)")
    if not frame.columns.is_unique:
        refuse(f"Column '{frame.columns[frame.columns.duplicated()][0]}' is there twice; rename one of the two")
    if frame.empty:
        refuse("the frame has no rows; record on rows to train on")
    unknown = next((name for name in declared if name not in frame.columns), None)
    if unknown is not None:
        refuse(f"schema names '{unknown}'; the frame has: {listing(frame.columns)}.{close_match(str(unknown), frame.columns)}")


def _as_requested(field: Field, series: pd.Series) -> pd.Series:
    """A column in the dtype in which a request brings it; categories, time zones and objects, which people ask for, stay."""
    import pandas as pd

    from rtml_plugins.flow.receiver import Receiver

    try:
        receiver = Receiver(schema={field.name: {"type": field.spec, **_more(field)}})
        made: pd.Series = receiver.transform(series.to_frame())[field.name]
    except RtmlError as error:
        refuse(f"the training frame does not fit its schema: {error}")
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series
    if field.type == "string" and (isinstance(series.dtype, pd.CategoricalDtype) or series.dtype == object):
        return series
    return made.set_axis(series.index)


def _more(field: Field) -> dict[str, Any]:
    from rtml_core.columns import signature_spec

    found = signature_spec([field])[field.name]
    return {key: value for key, value in found.items() if key != "type"} if isinstance(found, dict) else {}
