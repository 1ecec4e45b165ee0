"""How columns of a frame become the inputs of an ONNX model, and its outputs columns: one plan for both forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rtml_core.assemble import CHECKS
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, NotLowerableError, ParamError, close_match, listing
from rtml_core.lowering.probe import Known

#: element types that an input may have
INPUTS: Final = ("float32", "float64", "int64", "int32", "bool", "string")
#: column dtype of each output element type
COLUMNS: Final = {
    "float64": "float64",
    "float32": "float32",
    "float16": "float32",
    "bfloat16": "float32",
    **dict.fromkeys(("int64", "int32", "int16", "int8", "uint32", "uint16", "uint8"), "int64"),
    "bool": "bool",
    "string": "string",
}
_NUMBERS: Final = ("float64", "float32", "int64", "bool")
_FORM: Final = re.compile(r"(.+?)(?:\[(\d+)\])?")


@dataclass(frozen=True)
class Input:
    """A model input: its element type, whether it is [N] (else [N, k]), and the columns that feed it, in order."""

    name: str
    dtype: str
    flat: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """A column out of a model output: position `index` of output `tensor`."""

    column: str
    tensor: str
    index: int


def bind_inputs(known: Mapping[str, Known], features: Sequence[str]) -> list[Input]:
    """Which features feed which input: all of them the only input, else each the input of its name, or by order.

    An input of several columns that has none of its name takes <name>_0, <name>_1, ..., as tokenizers name them. Raises
    NotLowerableError (the model can't take columns) or ColumnError (it takes others).
    """
    inputs = list(known.items())
    groups = {name: _numbered(name, what, features) for name, what in inputs}
    if len(inputs) == 1:
        (name, what) = inputs[0]
        return [_input(name, what, groups[name] or features)]
    named = {name: [name] if name in features else groups[name] for name, _ in inputs}
    absent = [name for name, found in named.items() if not found]
    if not absent:
        return [_input(name, what, named[name]) for name, what in inputs]
    if len(inputs) == len(features) and len(absent) == len(inputs):
        return [_input(name, what, [feature]) for (name, what), feature in zip(inputs, features, strict=True)]
    takes = listing(name for name, _ in inputs)
    raise ColumnError(
        f"the ONNX model has an input for each column: {takes} (of several columns: <input>_0, <input>_1, ...)."
        f" {missing_column(absent[0], features)}"
    )


def _numbered(name: str, known: Known, features: Sequence[str]) -> list[str]:
    """The columns <name>_0, <name>_1, ... for an input [N, k]: as many as it declares, or as there are."""
    shape = known.shape or ("N",)
    if len(shape) != 2:
        return []
    there = set(features)
    found: list[str] = []
    while f"{name}_{len(found)}" in there and len(found) != shape[1]:
        found.append(f"{name}_{len(found)}")
    return found


def _input(name: str, known: Known, columns: Sequence[str]) -> Input:
    shape = known.shape or ("N",)
    if known.dtype not in INPUTS:
        raise NotLowerableError(f"input '{name}' of the ONNX model takes {known.dtype}; columns go into {listing(INPUTS)}")
    if len(shape) > 2:
        raise NotLowerableError(f"input '{name}' of the ONNX model has {len(shape)} dimensions; columns make two")
    expected = 1 if len(shape) == 1 else shape[1]
    if isinstance(expected, int) and expected != len(columns):
        raise ColumnError(
            f"input '{name}' of the ONNX model takes {expected} column(s), the features are {len(columns)}: {listing(columns)}."
            f" Name in 'features' the columns it was trained on, in their order"
        )
    return Input(name, known.dtype, len(shape) == 1, tuple(columns))


def check_column(item: Input, column: str, dtype: str) -> None:
    """Raise ColumnError when a column of this dtype can't go into the input."""
    if item.dtype == "string":
        fits, cure = dtype == "string", 'make it text first, e.g. Pandas(import_="astype", kwargs={"dtype": "str"})'
    elif item.dtype == "bool":
        fits, cure = dtype == "bool", "compare it first, so that it is true or false"
    else:
        fits = dtype in _NUMBERS
        encode = "encode it first, e.g. with OneHotEncoder or Pandas 'map'"
        cure = encode if dtype == "string" else 'take a part of it first, e.g. Pandas(import_="dt.hour")'
    if not fits:
        raise ColumnError(f"Column '{column}' is a {dtype}; input '{item.name}' of the ONNX model takes {item.dtype}: {cure}")


def bind_outputs(shapes: Mapping[str, Known], wanted: Mapping[str, str] | None, names: Mapping[str, str]) -> list[Output]:
    """The columns that come out: those asked for as "output" or "output[i]", or all: <output>, or <output>_<i> of several.

    names: what the file itself calls the column of an output, where it says so.
    """
    shapes = {name: known for name, known in shapes.items() if name != CHECKS}
    if wanted is not None:
        return [_asked(column, text, shapes) for column, text in wanted.items()]
    found = []
    for name, known in shapes.items():
        width = _width(name, known)
        plain = names.get(name, name)
        found += [Output(plain if width == 1 else f"{plain}_{i}", name, i) for i in range(width)]
    return found


def check_count(shapes: Mapping[str, Known]) -> int:
    """How many row checks the file brings: an output of booleans that rtml writes, false where a row is refused."""
    return _width(CHECKS, shapes[CHECKS]) if CHECKS in shapes else 0


def _asked(column: str, text: str, shapes: Mapping[str, Known]) -> Output:
    match = _FORM.fullmatch(text)
    name, index = (text, None) if text in shapes or match is None else (match[1], match[2])
    if name not in shapes:
        raise ParamError(f"parameter 'outputs', '{column}': the ONNX model has no output '{name}'. {_has(name, shapes)}")
    width = _width(name, shapes[name])
    if (index is None and width > 1) or int(index or 0) >= width:
        possible = f"'{name}'" if width == 1 else f"'{name}[0]' to '{name}[{width - 1}]'"
        raise ParamError(f"parameter 'outputs', '{column}': output '{name}' has {width} column(s), {possible}; got '{text}'")
    return Output(column, name, int(index or 0))


def _has(name: str, shapes: Iterable[str]) -> str:
    return f"It has: {listing(shapes)}.{close_match(name, shapes)}"


def _width(name: str, known: Known) -> int:
    if known.dtype not in COLUMNS:
        raise NotLowerableError(f"output '{name}' of the ONNX model is {known.dtype}, which no column can hold")
    shape = known.shape or ()
    width = shape[1] if len(shape) == 2 else 1
    if len(shape) not in (1, 2) or shape[0] not in ("N", None) or not isinstance(width, int):
        shown = "unknown" if known.shape is None else list(shape)
        raise NotLowerableError(f"output '{name}' of the ONNX model must have a fixed number of columns; its shape is {shown}")
    return width


def tensors(outputs: Sequence[Output]) -> list[str]:
    """The model outputs that are needed, each once."""
    return list(dict.fromkeys(output.tensor for output in outputs))
