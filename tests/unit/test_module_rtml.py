"""`import rtml`: one name for notebooks and scripts."""

import subprocess
import sys

import pytest

import rtml
import rtml_core


def test_it_has_what_rtml_core_has_and_more() -> None:
    assert set(rtml_core.__all__) < set(rtml.__all__)
    assert {name for name in rtml_core.__all__ if getattr(rtml, name) is not getattr(rtml_core, name)} == set()
    assert set(rtml.__all__) - set(rtml_core.__all__) == {
        "connect",
        "load_ipython_extension",
        "record",
        "unload_ipython_extension",
    }
    assert {name for name in rtml.__all__ if not hasattr(rtml, name)} == set()
    assert dir(rtml) == sorted(rtml.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rtml' has no attribute 'recrod'"):
        _ = rtml.recrod  # type: ignore[attr-defined]


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, rtml; print(sorted({'pandas', 'sklearn', 'onnx', 'IPython', 'numpy', 'onnxruntime'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
