"""Running an ONNX model on frames: the eager side of ONNXNode, and whether it scores each row by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.assemble import CHECKS
from rtml_core.errors import ColumnError, ExecutionError, InputError, InputProblem, NotLowerableError
from rtml_core.lowering.probe import Known
from rtml_plugins.onnx_ops.binding import COLUMNS, Input, Output, check_column, tensors

if TYPE_CHECKING:
    import pandas as pd

#: sessions kept open, by digest
_KEPT = 8


class Model:
    """An ONNX model ready to run: ZipMap dropped, dtype and shape of inputs and outputs known."""

    def __init__(self, data: bytes):
        from rtml_core.lowering.fragment import drop_zipmap, load, refuse_external_data
        from rtml_core.lowering.probe import declared_inputs, open_session

        proto = load(data)
        refuse_external_data(proto)
        drop_zipmap(proto)
        self.metadata = {entry.key: entry.value for entry in proto.metadata_props}
        self.proto = proto
        self.inputs = declared_inputs(proto, {})
        self.session = open_session(proto.SerializeToString())
        self._outputs: dict[tuple[int, ...], dict[str, Known]] = {}

    def outputs(self, inputs: Sequence[Input]) -> dict[str, Known]:
        """dtype and shape of every output when the inputs have these numbers of columns."""
        from rtml_core.lowering.probe import known_values

        widths = tuple(len(item.columns) for item in inputs)
        if widths not in self._outputs:
            known = known_values(self.proto, dict(zip((item.name for item in inputs), widths, strict=True)))
            self._outputs[widths] = {output.name: known[output.name] for output in self.proto.graph.output}
        return self._outputs[widths]

    def run(self, names: Sequence[str], feed: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name; raises ExecutionError with onnxruntime's reason."""
        from rtml_core.custom_ops.guarding import undisturbed
        from rtml_core.lowering.probe import first_line

        try:
            return dict(zip(names, undisturbed(self.session.run)(list(names), dict(feed)), strict=True))
        except Exception as error:
            raise ExecutionError(f"the ONNX model fails on these rows: {first_line(error)}") from None


#: what a row must be for a file with row checks
ACCEPTED = "a row that the ONNX model accepts"


def refusal(number: int) -> str:
    """What a row is that check `number`, from 0, refuses."""
    return f"one that fails its check number {number + 1}"


_MODELS: OrderedDict[str, Model] = OrderedDict()


def model_of(model_id: str, data: bytes) -> Model:
    """The model with this digest, opened once."""
    if model_id not in _MODELS:
        _MODELS[model_id] = Model(data)
        while len(_MODELS) > _KEPT:
            _MODELS.popitem(last=False)
    _MODELS.move_to_end(model_id)
    return _MODELS[model_id]


def feed_of(inputs: Sequence[Input], frame: pd.DataFrame) -> dict[str, Any]:
    """Model inputs for the rows of a canonical frame, cast to what the model declares."""
    import numpy as np

    from rtml_core.frames import dtype_word

    feed = {}
    for item in inputs:
        for name in item.columns:
            check_column(item, name, dtype_word(frame[name]))
        columns = [_cast(frame[name], item.dtype) for name in item.columns]
        feed[item.name] = columns[0] if item.flat else np.stack(columns, axis=1)
    return feed


def _cast(series: pd.Series, dtype: str) -> Any:
    import numpy as np

    from rtml_core.frames import to_carrier

    values = to_carrier(series, bool(series.isna().any()))
    if dtype == "string":
        return values
    if dtype == "bool":
        if values.dtype != np.bool_:
            raise _not_fitting(series, series.isna().to_numpy(), "true or false")
        return values
    if dtype.startswith("int"):
        return _whole(series, values, dtype)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, as in the compiled form
        return values.astype(np.float64).astype(dtype)


def _whole(series: pd.Series, values: Any, dtype: str) -> Any:
    import numpy as np

    with np.errstate(invalid="ignore"):
        cast = values.astype(dtype)
    wrong = cast.astype(values.dtype) != values
    if wrong.any():
        raise _not_fitting(series, wrong, f"a whole number ({dtype}), which the ONNX model takes")
    return cast


def _not_fitting(series: pd.Series, wrong: Any, expected: str) -> InputError:
    rows = [int(row) for row in wrong.nonzero()[0]]
    values = series.astype(object).where(series.notna(), None)
    return InputError([InputProblem(f"/{row}/{series.name}", expected, repr(values.iloc[row])) for row in rows])


def frame_of_outputs(model: Model, outputs: Sequence[Output], feed: Mapping[str, Any], index: Any, checks: int) -> pd.DataFrame:
    """Run the model and put the wanted columns into a canonical frame; raises InputError for rows that it refuses."""
    import numpy as np
    import pandas as pd

    from rtml_core.frames import from_carrier

    found = model.run([*tensors(outputs), *([CHECKS] if checks else [])], feed)
    if checks and not found[CHECKS].all():
        failed = np.argwhere(~found[CHECKS]).tolist()
        raise InputError([InputProblem(f"/{row}", ACCEPTED, refusal(number)) for row, number in failed])
    columns = {}
    for output in outputs:
        array = found[output.tensor]
        if len(array) != len(index):
            raise ColumnError(f"output '{output.tensor}' of the ONNX model has {len(array)} rows for {len(index)} rows")
        values = array if array.ndim == 1 else array[:, output.index]
        word = COLUMNS["string" if values.dtype.kind in "OU" else str(values.dtype)]
        columns[output.column] = from_carrier(values if word == "string" else values.astype(word), word)
    return pd.DataFrame(columns, index=index)


def require_row_wise(model: Model, inputs: Sequence[Input], outputs: Sequence[Output]) -> None:
    """Raise NotLowerableError unless made-up rows get the same answers one by one as together."""
    import numpy as np

    rng = np.random.default_rng(0)
    feed = {item.name: _made_up(item, rng) for item in inputs}
    names = tensors(outputs)
    try:
        together = model.run(names, feed)
        single = [model.run(names, {name: array[i : i + 1] for name, array in feed.items()}) for i in range(_ROWS)]
    except ExecutionError:
        return  # the model does not take made-up values; the parity gate has real ones
    for name in names:
        for i in range(_ROWS):
            if not _same(single[i][name][0], together[name][i]):
                raise NotLowerableError(
                    f"output '{name}' of the ONNX model depends on the other rows of a batch, so a row has no score of its own;"
                    f" export the model so that it treats every row by itself"
                )


#: how many rows are tried
_ROWS = 4


def _same(alone: Any, among: Any) -> bool:
    import numpy as np

    if np.asarray(among).dtype.kind in "OUb":
        return np.array_equal(alone, among)
    return np.allclose(alone, among, rtol=1e-3, atol=1e-5, equal_nan=True)


def _made_up(item: Input, rng: Any) -> Any:
    import numpy as np

    shape = (_ROWS,) if item.flat else (_ROWS, len(item.columns))
    if item.dtype == "string":
        return rng.choice(np.array(["", "a", "b", "1"], dtype=object), size=shape)
    if item.dtype == "bool":
        return rng.random(shape) < 0.5
    return (rng.normal(size=shape) * 5).astype(item.dtype)
