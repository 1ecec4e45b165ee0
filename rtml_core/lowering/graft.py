"""Inlining a model fragment (ModelProto) into the graph being built.

The fragment's values get names of our own, its initializers are shared with equal constants, nodes go through the builder
(so that equal work is done once), TreeEnsembleRegressor and -Classifier become TreeEnsemble, and every value keeps dtype
and shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from rtml_core.errors import NotLowerableError, close_match, listing
from rtml_core.lowering.builder import ML, SLOTS, Builder, TensorAttribute, dtype_of, width_of
from rtml_core.lowering.fragment import load, prepare
from rtml_core.lowering.probe import Known, known_values
from rtml_core.lowering.trees import TreeOutputs, classifier, regressor

if TYPE_CHECKING:
    import onnx


def graft(
    b: Builder, model: onnx.ModelProto | bytes, bindings: Mapping[str, ir.Value], outputs: Sequence[str] | None = None
) -> dict[str, ir.Value]:
    """Inline `model`, feeding its inputs by name; returns its outputs (all, or those asked for) by name.

    A bound value must have the element type and the number of columns that the model declares. An output [N] comes back
    as [N, 1], a ZipMap as the scores [N, C] under it. Raises NotLowerableError with reason and cure.
    """
    fragment = prepare(load(model), outputs)
    widths = {name: width_of(value) for name, value in bindings.items() if value.shape is not None and len(value.shape) == 2}
    known = known_values(fragment, widths)
    inliner = _Inliner(b, fragment, known)
    inliner.bind(bindings)
    for node in fragment.graph.node:
        inliner.inline(node)
    return {output.name: inliner.output(output.name) for output in fragment.graph.output}


class _Inliner:
    """One fragment on its way into a builder."""

    def __init__(self, b: Builder, fragment: onnx.ModelProto, known: Mapping[str, Known]):
        self.b = b
        self.known = known
        self.fragment = fragment
        self.values: dict[str, ir.Value] = {}
        #: values of rank 1 that we have as [N, 1] too
        self.columns: dict[str, ir.Value] = {}

    def bind(self, bindings: Mapping[str, ir.Value]) -> None:
        """Check the bindings against the declared inputs, and take over the initializers."""
        from onnx import numpy_helper

        stored = {tensor.name for tensor in self.fragment.graph.initializer}
        declared = [value.name for value in self.fragment.graph.input if value.name not in stored]
        for name in bindings:
            if name not in declared:
                known = f"It has: {listing(declared)}.{close_match(name, declared)}"
                raise NotLowerableError(f"the ONNX model has no input '{name}'. {known}")
        for name in declared:
            if name not in bindings:
                raise NotLowerableError(f"input '{name}' of the ONNX model is not fed; it takes: {listing(declared)}")
            self._check_binding(name, bindings[name])
            self.values[name] = bindings[name]
        for tensor in self.fragment.graph.initializer:
            self.values[tensor.name] = self._constant(numpy_helper.to_array(tensor))

    def _check_binding(self, name: str, value: ir.Value) -> None:
        known = self.known[name]
        if dtype_of(value) != known.dtype:
            raise NotLowerableError(f"input '{name}' of the ONNX model takes {known.dtype}; got {dtype_of(value)}")
        shape = list(value.shape) if value.shape is not None else None
        if shape is None or known.shape is None:
            return
        if len(shape) != len(known.shape):
            raise NotLowerableError(f"input '{name}' of the ONNX model has {len(known.shape)} dimension(s); got {len(shape)}")
        for got, expected in zip(shape[1:], known.shape[1:], strict=True):
            if isinstance(expected, int) and isinstance(got, int) and got != expected:
                raise NotLowerableError(f"input '{name}' of the ONNX model takes {expected} column(s); got {got}")

    def _constant(self, array: np.ndarray[Any, Any]) -> ir.Value:
        if array.dtype.kind in "OSU":
            texts = [item.decode() if isinstance(item, bytes) else str(item) for item in array.ravel()]
            return self.b.const(np.array(texts, dtype=object).reshape(array.shape), "string")
        return self.b.const(array)

    def inline(self, node: onnx.NodeProto) -> None:
        """Emit one node of the fragment."""
        from onnx import helper

        key = (node.domain, node.op_type)
        if key == ("", "Identity"):
            self.values[node.output[0]] = self.values[node.input[0]]
            if node.input[0] in self.columns:
                self.columns[node.output[0]] = self.columns[node.input[0]]
        elif key == ("", "Constant"):
            self.values[node.output[0]] = self._constant(_constant_array(node))
        elif key == ("", "Cast") and self.known[node.output[0]].dtype == dtype_of(self.values[node.input[0]]):
            self.values[node.output[0]] = self.values[node.input[0]]
            if node.input[0] in self.columns:
                self.columns[node.output[0]] = self.columns[node.input[0]]
        elif key in ((ML, "TreeEnsembleRegressor"), (ML, "TreeEnsembleClassifier")):
            attributes = {a.name: _plain(helper.get_attribute_value(a)) for a in node.attribute}
            emit = regressor if node.op_type.endswith("Regressor") else classifier
            self._take_trees(node, emit(self.b, self.values[node.input[0]], attributes))
        else:
            self._emit(node)

    def _emit(self, node: onnx.NodeProto) -> None:
        inputs = [self.values[name] if name else None for name in node.input]
        while inputs and inputs[-1] is None:
            inputs.pop()
        names = list(node.output)
        while names and not names[-1]:
            names.pop()
        attributes: dict[str, Any] = {a.name: _attribute(a) for a in node.attribute}
        if (node.domain, node.op_type) == (ML, "TreeEnsemble") and inputs[0] is not None:
            self._tell_splits(inputs[0], _splits_of(node))
        made = self.b.multi(
            node.op_type,
            *inputs,
            dtypes=[self.known[name].dtype if name else "uint8" for name in names],
            shapes=[self.known[name].shape or () if name else () for name in names],
            domain=node.domain,
            **attributes,
        )
        for name, value in zip(names, made, strict=True):
            if not name:
                value.name = ""  # left out
                continue
            self.values[name] = value
            if self.known[name].shape is None or _breaks_in_place(node):
                value.shape = None

    def _tell_splits(self, x: ir.Value, splits: Mapping[int, Sequence[float]]) -> None:
        """Split points by feature of x, for the parity gate."""
        for feature, points in splits.items():
            origin = origin_of(x, feature)
            if origin is not None:
                self.b.threshold(self.b.take(origin[0], [origin[1]]), points)

    def _take_trees(self, node: onnx.NodeProto, made: TreeOutputs) -> None:
        self._tell_splits(made.x, made.forest.splits())
        names = list(node.output)
        if made.label is None:
            self.values[names[0]] = made.scores
            return
        if names[0]:
            self.columns[names[0]] = made.label
            self.values[names[0]] = self.b.op("Squeeze", made.label, self.b.const([1], "int64"), shape=["N"])
        if len(names) > 1 and names[1]:
            self.values[names[1]] = made.scores

    def output(self, name: str) -> ir.Value:
        """An output of the fragment; [N] as [N, 1]."""
        if name in self.columns:
            return self.columns[name]
        value, shape = self.values[name], self.known[name].shape
        if shape is not None and len(shape) == 1:
            return self.b.op("Reshape", value, self.b.const([-1, 1], "int64"), width=1)
        if value.shape is None and shape is not None and len(shape) == 2 and isinstance(shape[1], int):
            return self.b.op("Reshape", value, self.b.const([-1, shape[1]], "int64"), width=shape[1])
        return value


def _splits_of(node: onnx.NodeProto) -> dict[int, list[float]]:
    """Split points by feature of a TreeEnsemble of ai.onnx.ml 5."""
    from onnx import numpy_helper

    given = {a.name: a for a in node.attribute}
    found: dict[int, list[float]] = {}
    splits = numpy_helper.to_array(given["nodes_splits"].t).tolist()
    for feature, split in zip(given["nodes_featureids"].ints, splits, strict=True):
        found.setdefault(feature, []).append(split)
    return found


def _breaks_in_place(node: onnx.NodeProto) -> bool:
    """Whether onnxruntime computes the node wrongly in place (seen up to 1.31), which it does as soon as it knows that
    input and output have one shape; such an output is left without a shape."""
    return node.op_type == "Normalizer" and node.domain == ML and any(a.name == "norm" and a.s == b"L2" for a in node.attribute)


def origin_of(value: ir.Value, index: int) -> tuple[ir.Value, int] | None:
    """The slot of a model input that column `index` of `value` is, seen through Take, Concat and Cast; None when it isn't."""
    while (node := value.producer()) is not None:
        source = node.inputs[0]
        if source is None:
            return None
        if node.op_type == "Take" and node.domain == SLOTS:
            value, index = source, int(node.attributes["indices"].as_ints()[index])
        elif node.op_type == "Cast" and not node.domain:
            value = source
        elif node.op_type == "Concat" and not node.domain:
            for part in node.inputs:
                assert part is not None
                width = width_of(part)
                if index < width:
                    value = part
                    break
                index -= width
        else:
            return None
    return value, index


def _plain(value: Any) -> Any:
    """An attribute of a tree ensemble as Python and numpy values."""
    import onnx
    from onnx import numpy_helper

    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [item.decode() for item in value]
    return value


def _attribute(attribute: onnx.AttributeProto) -> TensorAttribute:
    """An attribute as it is, comparing by content."""
    return TensorAttribute(ir.serde.deserialize_attribute(attribute), attribute.SerializeToString(deterministic=True))


def _constant_array(node: onnx.NodeProto) -> np.ndarray[Any, Any]:
    from onnx import helper, numpy_helper

    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    if attribute.name in ("value_float", "value_floats"):
        return np.asarray(value, dtype=np.float32)
    if attribute.name in ("value_int", "value_ints"):
        return np.asarray(value, dtype=np.int64)
    if attribute.name in ("value_string", "value_strings"):
        return np.asarray(value, dtype=object)
    raise NotLowerableError(f"the ONNX model has a Constant given by {attribute.name}; export it with dense constants")
