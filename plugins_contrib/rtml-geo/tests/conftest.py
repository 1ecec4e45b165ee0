"""What the tests share: a C compiler, and sessions of models with one node."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import settings
from onnx import TensorProto, helper

settings.register_profile("rtml", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("rtml")

FOLDER = Path(__file__).parent
ELEMENTS = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
    "timestamp": TensorProto.INT64,
}

Array = np.ndarray[Any, Any]
Opened = Callable[..., Callable[..., list[Array]]]


def need(found: str | None, what: str, cure: str) -> str:
    """What was found; without it a test is skipped, but where CI is set it fails."""
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not there; {cure}")
    return found


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A C file of this folder as a shared library, compiled without a word."""
    compiler = need(shutil.which("cc") or shutil.which("gcc"), "a C compiler", "install gcc or clang")

    def compiled(name: str, *options: str) -> Path:
        made = tmp_path_factory.mktemp("c") / "made.so"
        flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-O2", "-fPIC", "-shared"]
        command = [compiler, *flags, *options, f"-I{FOLDER.parent / 'rtml_geo'}", str(FOLDER / name), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return made

    return compiled


@pytest.fixture(scope="session")
def opened() -> Opened:
    """A model of one node, open: called with its inputs it gives its outputs."""

    def made(
        library: str | Path, domain: str, op: str, inputs: list[str], outputs: list[str], **attributes: Any
    ) -> Callable[..., list[Array]]:
        into, out = [f"i{at}" for at in range(len(inputs))], [f"o{at}" for at in range(len(outputs))]
        graph = helper.make_graph(
            [helper.make_node(op, into, out, domain=domain, **attributes)],
            "one",
            [helper.make_tensor_value_info(name, ELEMENTS[dtype], None) for name, dtype in zip(into, inputs, strict=True)],
            [helper.make_tensor_value_info(name, ELEMENTS[dtype], None) for name, dtype in zip(out, outputs, strict=True)],
        )
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(domain, 1)]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        options.register_custom_ops_library(str(library))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda *arrays: session.run(None, dict(zip(into, arrays, strict=True)))

    return made
