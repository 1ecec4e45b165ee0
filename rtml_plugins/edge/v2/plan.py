"""What the protocol has to know of a loaded package: its tensors, and how a request of tensors is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from rtml_core.errors import InputError, InputProblem, describe
from rtml_plugins.edge.v2.tensors import FIELD_DATATYPES, OUTPUT_DATATYPES, Array, OutputSpec, Tensor, column_for, refuse
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_core import Runtime

#: N of a shape in metadata
ANY: Final = -1
#: most entries of "errors" in a problem document
MOST_ERRORS: Final = 100
#: output columns by name: arrays, or lists of Python values
Columns = Mapping[str, Array | list[Any]]


class Plan:
    """Tensors of one package. inputs, outputs: as metadata tells them."""

    def __init__(self, runtime: Runtime):
        self.fields = {field.name: field for field in runtime.manifest.fields}
        self._datatypes = {name: FIELD_DATATYPES[field.type] for name, field in self.fields.items()}
        self.outputs = {
            o.name: OutputSpec(o.name, OUTPUT_DATATYPES[o.dtype], o.dtype, o.nullable) for o in runtime.manifest.outputs
        }
        self.input_metadata = [_tensor(field.name, FIELD_DATATYPES[field.type]) for field in self.fields.values()]
        self.output_metadata = [_tensor(spec.name, spec.datatype) for spec in self.outputs.values()]

    def columns(self, tensors: Sequence[Tensor]) -> dict[str, Any]:
        """Columns by the name of the field, for Runtime.score_columns."""
        columns: dict[str, Any] = {}
        usual = self._datatypes
        rows = len(tensors[0].values)
        for tensor in tensors:
            name, datatype, values = tensor
            if name in columns:
                refuse(f"input {describe(name)} is there twice")
            if usual.get(name) != datatype and name in self.fields:  # other names are the signature's to judge
                values = column_for(self.fields[name], tensor)
            columns[name] = values
            if len(values) != rows:
                counts = ", ".join(f"{describe(other.name)} has {len(other.values):,}" for other in tensors)
                refuse(f"the inputs have different numbers of rows: {counts}")
        return columns

    def spec(self, name: str) -> OutputSpec:
        """An output by its name; refuses unknown ones."""
        spec = self.outputs.get(name)
        if spec is None:
            refuse(f"there is no output {describe(name)}; the outputs are {', '.join(map(repr, self.outputs))}")
        return spec


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [ANY, 1]}


_plans: Final[WeakKeyDictionary[Any, Plan]] = WeakKeyDictionary()


def plan_of(runtime: Runtime) -> Plan:
    """The plan of a runtime; made once, and gone with it."""
    plan = _plans.get(runtime)
    if plan is None:
        plan = _plans[runtime] = Plan(runtime)
    return plan


def score(runtime: Runtime, columns: Mapping[str, Any], rows: int) -> Columns:
    """Output columns of input columns. Raises Problem 422 that names the inputs that do not fit."""
    try:
        if rows == 1:  # the way of one row costs half as much
            row = {name: values[0] if type(values) is list else values.item() for name, values in columns.items()}
            return {name: [value] for name, value in runtime.score_row(row).items()}
        return runtime.score_columns(columns)
    except InputError as error:
        raise misfit(error) from None


def misfit(error: InputError) -> Problem:
    """422 for values that do not fit the signature, in the words of the protocol: inputs and rows."""
    errors = [{"at": p.at, "expected": p.expected, "got": _got(p)} for p in error.problems[:MOST_ERRORS]]
    shown = [_sentence(problem) for problem in error.problems[:5]]
    more = f"; and {len(error.problems) - 5} more" if len(error.problems) > 5 else ""
    return Problem(422, "invalid-input", "; ".join(shown) + more, title="The inputs do not fit the signature", errors=errors)


def _sentence(problem: InputProblem) -> str:
    """ "/3/age" of a problem as "input 'age', row 3", "/age" as "input 'age'", "/3" as "row 3"."""
    row, slash, name = problem.at.removeprefix("/").partition("/")
    if not slash and not row.isdigit():
        row, name = "", row
    name = name.replace("~1", "/").replace("~0", "~")
    where = ", ".join(part for part in (f"input {describe(name)}" if name else "", f"row {row}" if row else "") if part)
    return f"{where or 'the inputs'}: expected {problem.expected}, got {_got(problem)}"


def _got(problem: InputProblem) -> str:
    """What came, in words: NaN is how null and a missing row of floats travel."""
    return "a missing value" if problem.got in ("number nan", "null") else problem.got
