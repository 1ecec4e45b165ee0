"""A package whose model uses onnxruntime-extensions loads and scores as lightly as any other."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime_extensions
import pandas as pd
import pytest

from rtml_core import Operator
from rtml_core.errors import PackageError
from rtml_core.lowering.symbolic import new, value_of
from rtml_core.runtime.runtime import extension_library
from tests.unit.core.operators_for_tests import Source


class Length(Operator):
    """Number of characters of column `s`, string -> int64 column `n`."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(n=frame["s"].str.len())

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        length = b.ext("StringLength", value_of(b, columns["s"]), dtype="int64")
        return {**columns, "n": new("int64", length)}


SCORE = """
import sys
from rtml_core import Runtime
print(Runtime.from_file(sys.argv[1]).score({"s": "äß日"})["n"])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"onnx", "onnx_ir", "pandas", "sklearn"}))
"""


def test_scoring_with_extensions_imports_no_onnx(tmp_path: Path) -> None:
    graph: Any = Source(schema={"s": "string"}) >> Length()
    made = graph.compile()
    assert [op.op for op in made.manifest.ops if op.kind == "extension"] == ["StringLength"]
    made.save(tmp_path / "m.rtml")
    printed = subprocess.run([sys.executable, "-c", SCORE, str(tmp_path / "m.rtml")], check=True, capture_output=True, text=True)
    assert printed.stdout.splitlines() == ["3", "[]"]


def test_the_library_is_the_one_that_its_package_names() -> None:
    assert extension_library("m.rtml") == onnxruntime_extensions.get_library_path()


def test_without_the_extensions_a_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PackageError, match=r"m\.rtml needs onnxruntime-extensions, .* pip install onnxruntime-extensions"):
        extension_library("m.rtml")
