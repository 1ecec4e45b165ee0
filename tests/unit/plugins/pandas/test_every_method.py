"""Every method that compiles, on rows where everything may be missing, on no rows and on one: in its shortest form."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from rtml_core.testing import assert_parity
from rtml_plugins.pandas_ops.methods import compiled_methods

EXTENSIONS = Path(__file__).resolve().parents[4] / "docs" / "_ext"
if str(EXTENSIONS) not in sys.path:
    sys.path.insert(0, str(EXTENSIONS))
examples = importlib.import_module("pandas_examples")
#: methods that take no column that may be missing, and why is in their refusal
NEVER_MISSING = ("astype", "select_dtypes")


@pytest.mark.parametrize("name", [name for name in compiled_methods() if name not in NEVER_MISSING])
def test_a_method_agrees_with_pandas_where_everything_may_be_missing(name: str, prove: Any) -> None:
    node, rows = examples.example(name, "column") or examples.example(name, "frame")
    proof = prove(node, rows, True)
    proof.holds_on()
    if proof.checked:  # rows that the compiled form refuses, the eager one refuses too
        assert assert_parity(node, rows, nullable=True) > 0
    else:
        proof.holds()
        proof.holds_on(1)


@pytest.mark.parametrize("name", NEVER_MISSING)
def test_a_method_agrees_with_pandas_where_nothing_is_missing(name: str, prove: Any) -> None:
    node, rows = examples.example(name, "column") or examples.example(name, "frame")
    proof = prove(node, rows)
    proof.holds()
    proof.holds_on()
    proof.holds_on(1)
