"""The rival: the standard pipeline lowered by hand with onnx.helper, one input a column, step by step as it is authored.

It is what a skilled engineer writes who translates the pandas steps one after the other and takes the trees from
skl2onnx: right, but nothing travels together and nothing is folded.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from onnxruntime_extensions import get_library_path
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from tests.benchmarks.baseline import feature_names
from tests.benchmarks.data import AGE_EDGES, NUMBERS, OTHERS, TEXTS, VOCABULARIES

_ISO: Final = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_MONTH_LENGTHS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_OPSET: Final = 21


class _Hand:
    """Nodes and constants of the graph being written, with made-up names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Append a node; returns the name of its first output (the others end in _1, _2, ...)."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        names = [name, *(f"{name}_{i}" for i in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes))
        return name

    def constant(self, value: Any, dtype: Any) -> str:
        """Append an initializer; strings as dtype object."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def whole(self, value: Any) -> str:
        return self.constant(value, np.int64)

    def real(self, value: Any) -> str:
        return self.constant(value, np.float64)

    def text(self, value: Any) -> str:
        return self.constant(value, object)


def build(median: float, classifier: Any) -> onnx.ModelProto:
    """The model: inputs age, km, quote (float64 [N, 1], NaN is missing), seen_at and the text columns (string [N, 1], "" is
    missing); outputs probabilities float32 [N, 2] and valid bool [N, 1], False where seen_at is no timestamp.
    """
    hand = _Hand()
    age = hand.op("Where", hand.op("IsNaN", "age"), hand.real([[median]]), "age")
    hour, weekday = _clock(hand)
    columns = [age, "km", "quote", hour, weekday, *_buckets(hand, age)]
    for name in TEXTS:
        columns += _dummies(hand, _tidy(hand, name), (*VOCABULARIES[name], OTHERS))
    features = hand.op("Cast", hand.op("Concat", *columns, axis=1), to=TensorProto.FLOAT)
    assert len(columns) == len(feature_names())
    fragment = _trees(classifier, len(columns), features)
    hand.nodes.extend(fragment.graph.node)
    hand.constants.extend(fragment.graph.initializer)
    return _model(hand)


def _model(hand: _Hand) -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    inputs = [info(name, TensorProto.DOUBLE, ["N", 1]) for name in NUMBERS]
    inputs += [info(name, TensorProto.STRING, ["N", 1]) for name in ("seen_at", *TEXTS)]
    outputs = [info("probabilities", TensorProto.FLOAT, ["N", 2]), info("valid", TensorProto.BOOL, ["N", 1])]
    graph = helper.make_graph(hand.nodes, "prototype", inputs, outputs, hand.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("ai.onnx.contrib", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _trees(classifier: Any, width: int, features: str) -> onnx.ModelProto:
    """The nodes of skl2onnx for the model, fed from `features`."""
    types = [("features", FloatTensorType([None, width]))]
    fragment = to_onnx(classifier, initial_types=types, options={"zipmap": False}, target_opset={"": _OPSET, "ai.onnx.ml": 3})
    for node in fragment.graph.node:
        node.input[:] = [features if name == "features" else name for name in node.input]
    return fragment


def _tidy(hand: _Hand, name: str) -> str:
    """fillna("OTHERS"), str.upper, and OTHERS for what the vocabulary does not have."""
    filled = hand.op("Where", hand.op("Equal", name, hand.text([[""]])), hand.text([[OTHERS]]), name)
    upper = hand.op("StringUpper", filled, domain="ai.onnx.contrib")
    words = VOCABULARIES[name]
    table = {"keys_strings": words, "values_int64s": [1] * len(words), "default_int64": 0}
    known = hand.op("LabelEncoder", upper, domain="ai.onnx.ml", **table)
    return hand.op("Where", hand.op("Cast", known, to=TensorProto.BOOL), upper, hand.text([[OTHERS]]))


def _dummies(hand: _Hand, column: str, words: tuple[str, ...]) -> list[str]:
    return [hand.op("Cast", hand.op("Equal", column, hand.text([[word]])), to=TensorProto.DOUBLE) for word in words]


def _buckets(hand: _Hand, age: str) -> list[str]:
    columns = []
    for low, high in itertools.pairwise(AGE_EDGES):
        inside = hand.op("And", hand.op("Greater", age, hand.real([[low]])), hand.op("LessOrEqual", age, hand.real([[high]])))
        columns.append(hand.op("Cast", inside, to=TensorProto.DOUBLE))
    return columns


def _clock(hand: _Hand) -> tuple[str, str]:
    """seen_at -> hour and weekday (float64); the output `valid` says whether it is a timestamp of the calendar."""
    matches = hand.op("RegexFullMatch", "seen_at", pattern=_ISO)
    safe = hand.op("Where", matches, "seen_at", hand.text([["1970-01-01T00:00:00Z"]]))
    spaced = hand.op("StringRegexReplace", safe, hand.text(["[-T:Z]"]), hand.text([" "]), domain="ai.onnx.contrib")
    split = hand.op("StringSplit", spaced, outputs=2)
    parts = hand.op("Cast", hand.op("Reshape", split, hand.whole([-1, 6])), to=TensorProto.INT64)
    year, month, day, hour = (hand.op("Gather", parts, hand.whole([i]), axis=1) for i in range(4))
    hand.op("And", matches, hand.op("LessOrEqual", day, _month_length(hand, year, month)))
    hand.nodes[-1].output[0] = "valid"
    days = _days(hand, year, month, day)
    weekday = hand.op("Mod", hand.op("Add", days, hand.whole([[3]])), hand.whole([[7]]))
    return hand.op("Cast", hour, to=TensorProto.DOUBLE), hand.op("Cast", weekday, to=TensorProto.DOUBLE)


def _month_length(hand: _Hand, year: str, month: str) -> str:
    length = hand.op("Gather", hand.whole(_MONTH_LENGTHS), month)
    rests = [hand.op("Mod", year, hand.whole([[n]])) for n in (4, 100, 400)]
    fourth, hundredth, fourhundredth = (hand.op("Equal", rest, hand.whole([[0]])) for rest in rests)
    leap = hand.op("Or", hand.op("And", fourth, hand.op("Not", hundredth)), fourhundredth)
    extra = hand.op("And", leap, hand.op("Equal", month, hand.whole([[2]])))
    return hand.op("Add", length, hand.op("Cast", extra, to=TensorProto.INT64))


def _days(hand: _Hand, year: str, month: str, day: str) -> str:
    """Days since 1970-01-01 of a date in the Gregorian calendar (H. Hinnant, days_from_civil)."""
    early = hand.op("Cast", hand.op("LessOrEqual", month, hand.whole([[2]])), to=TensorProto.INT64)
    shifted = hand.op("Sub", year, early)
    era = hand.op("Div", shifted, hand.whole([[400]]))
    of_era = hand.op("Sub", shifted, hand.op("Mul", era, hand.whole([[400]])))
    march = hand.op("Mod", hand.op("Add", month, hand.whole([[9]])), hand.whole([[12]]))
    months = hand.op("Div", hand.op("Add", hand.op("Mul", march, hand.whole([[153]])), hand.whole([[2]])), hand.whole([[5]]))
    of_year = hand.op("Sub", hand.op("Add", months, day), hand.whole([[1]]))
    leaps = hand.op("Sub", hand.op("Div", of_era, hand.whole([[4]])), hand.op("Div", of_era, hand.whole([[100]])))
    within = hand.op("Add", hand.op("Add", hand.op("Mul", of_era, hand.whole([[365]])), leaps), of_year)
    return hand.op("Sub", hand.op("Add", hand.op("Mul", era, hand.whole([[146_097]])), within), hand.whole([[719_468]]))


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    """A session with one thread, as the runtime of rtml has it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(get_library_path())
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def feed(frame: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    """Raw rows as the arrays [N, 1] that the model takes."""
    arrays = {name: frame[[name]].to_numpy(np.float64) for name in NUMBERS}
    return arrays | {name: frame[[name]].fillna("").to_numpy(object) for name in ("seen_at", *TEXTS)}


def feed_row(row: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """One raw row (a dict, None is missing) as the arrays that the model takes; nothing is checked."""
    arrays = {name: np.array([[np.nan if row[name] is None else row[name]]], np.float64) for name in NUMBERS}
    return arrays | {name: np.array([[row[name] or ""]], object) for name in ("seen_at", *TEXTS)}
