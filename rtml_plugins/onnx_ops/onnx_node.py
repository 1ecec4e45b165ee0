"""ONNXNode: a model that exists as an ONNX file, as a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, RtmlError
from rtml_plugins.onnx_ops.store import ModelStore, digest, is_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.onnx_ops.binding import Input, Output
    from rtml_plugins.onnx_ops.session import Model


class ONNXNodeParams(Params):
    """See ONNXNode."""

    features: Annotated[
        list[str] | None,
        doc("The columns, in the order in which the model takes them; by default those that the file names, or all columns."),
    ] = None
    model_id: Annotated[str | None, doc("The model in the local store, as ModelUpload gives it.", "the id of a model")] = None
    path: Annotated[str | None, doc("The ONNX file, in place of 'model_id'.", "the path of an ONNX file")] = None
    model_path: Annotated[str | None, doc("Another name of 'path'.", "the path of an ONNX file")] = None
    outputs: Annotated[
        dict[str, str] | None,
        doc(
            'What comes out, by the name of the new column: "output", or "output[i]" of an output with several columns. By'
            " default everything: <output>, or <output>_0, <output>_1, ...",
            'an object of new columns and outputs, e.g. {"propensity": "probabilities[1]"}',
        ),
    ] = None

    def validate(self) -> None:
        given = [name for name in ("model_id", "path", "model_path") if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"got {' and '.join(given)}" if given else "got none"
            raise ParamError(f"parameter 'model_id' or 'path' must say which model, one of them; {what}")
        if self.model_id is not None and not is_id(self.model_id):
            raise ParamError(f"parameter 'model_id' must be what ModelUpload gives, 64 digits and letters; got {self.model_id!r}")
        if self.features is not None and (not self.features or len(set(self.features)) != len(self.features)):
            raise ParamError(f"parameter 'features' must name at least one column, each once; got {self.features!r}")
        if self.outputs is not None and not self.outputs:
            raise ParamError("parameter 'outputs' must name at least one column; got an empty object")


class ONNXNode(Operator):
    """Scores rows with an ONNX model; the frame that comes out has only its outputs, one row a row.

    Columns are cast to what the model declares (float32, float64, int64, int32, bool, string): one input [N, n] takes all
    features in order, under any name; several inputs take the columns of their names,
    or <name>_0, <name>_1, ... side by side. Missing numbers arrive as NaN. Whole
    numbers and booleans that the model needs must be there. Compiled, the model becomes part of the graph; the digest of its
    bytes is kept with the node, so that a file that changed is noticed.
    """

    Params = ONNXNodeParams
    role = "model"
    #: onnxruntime adds up in another order for one row than for many
    tolerance = (1e-5, 1e-6)

    @property
    def file(self) -> str | None:
        """The path that was given, if any."""
        given: str | None = self.params.path or self.params.model_path
        return given

    def setup(self) -> None:
        self._data: bytes | None = None

    def load(self) -> bytes:
        """The bytes of the model; notes their digest in the state. Raises RtmlError when they are not to be had."""
        if self._data is None:
            self._data = self._read()
        return self._data

    def _read(self) -> bytes:
        known = (self.state or {}).get("model")
        if self.params.model_id is not None:
            data = ModelStore().get(self.params.model_id)
        elif known is not None and not Path(self.file or "").is_file() and known in ModelStore():
            data = ModelStore().get(known)
        else:
            from rtml_plugins.onnx_ops.model_upload import read_model_file

            data = read_model_file(self.file or "")
        found = digest(data)
        if known is not None and known != found:
            if known not in ModelStore():
                raise RtmlError(
                    f"the model file '{self.file}' has changed since the graph was made (digest {known[:12]}..., now"
                    f" {found[:12]}...); restore it, or author the node again with the new file"
                )
            return ModelStore().get(known)
        self.state = {"model": found}
        return data

    def to_json(self) -> dict[str, Any]:
        """Parameters for the DSL; the digest goes into the state beside them."""
        if self.state is None and self.file is not None and Path(self.file).is_file():
            self.load()
        return super().to_json()

    def model(self) -> Model:
        """The model, opened."""
        from rtml_plugins.onnx_ops.session import model_of

        data = self.load()
        return model_of(digest(data), data)

    def features_of(self, columns: Iterable[str], model: Model) -> list[str]:
        """The feature columns; raises ColumnError for one that is not there."""
        known = list(columns)
        features = self.params.features
        if features is None:
            named = json.loads(model.metadata.get("rtml.features", "[]"))
            features = named if named and all(name in known for name in named) else known
        for name in features:
            if name not in known:
                raise ColumnError(missing_column(name, known))
        return list(features)

    def plan(self, columns: Iterable[str], model: Model) -> tuple[list[Input], list[Output]]:
        """Which columns feed which inputs, and which columns come out."""
        from rtml_plugins.onnx_ops.binding import bind_inputs, bind_outputs

        inputs = bind_inputs(model.inputs, self.features_of(columns, model))
        try:
            names = json.loads(model.metadata.get("rtml.outputs", "{}"))
            return inputs, bind_outputs(model.outputs(inputs), self.params.outputs, names)
        except ParamError as error:
            raise ParamError(f"{self.name}: {error}") from None

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        from rtml_core.frames import canonical
        from rtml_plugins.onnx_ops.binding import check_count
        from rtml_plugins.onnx_ops.session import feed_of, frame_of_outputs

        frame = canonical(frame)
        model = self.model()
        inputs, outputs = self.plan(frame.columns, model)
        return frame_of_outputs(model, outputs, feed_of(inputs, frame), frame.index, check_count(model.outputs(inputs)))

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.assemble import CHECKS
        from rtml_plugins.onnx_ops.binding import check_count, tensors
        from rtml_plugins.onnx_ops.lowering import column_of, input_value
        from rtml_plugins.onnx_ops.session import refusal, require_row_wise

        data = self.load()
        model = self.model()
        inputs, outputs = self.plan(columns, model)
        require_row_wise(model, inputs, outputs)
        bindings = {item.name: input_value(b, item, columns) for item in inputs}
        checks = check_count(model.outputs(inputs))
        found: Mapping[str, Any] = b.graft(data, bindings, [*tensors(outputs), *([CHECKS] if checks else [])])
        for number in range(checks):
            b.check(b.take(found[CHECKS], [number]), f"{refusal(number)} (the ONNX model's)")
        texts_may_miss = any(columns[name].nullable for item in inputs for name in item.columns if item.dtype == "string")
        return {output.column: column_of(b, found[output.tensor], output, texts_may_miss) for output in outputs}
