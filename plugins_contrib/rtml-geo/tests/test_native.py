"""The library itself, as onnxruntime calls it: equal to the references, and refusing nodes that make no sense."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from rtml_geo import bodies, cases
from rtml_geo.custom import OPERATORS
from rtml_geo.places import normal, problem_of

from rtml_core.custom_ops.native import require_library

Array = np.ndarray[Any, Any]
Run = Callable[..., list[Array]]

numbers = st.floats() | st.floats(-90, 90) | st.floats(-180, 360) | st.sampled_from([*cases.LATITUDES, *cases.LONGITUDES])


@pytest.fixture(scope="session")
def native(opened: Any) -> Callable[..., Run]:
    """A session with a node of one operator."""

    def made(name: str, **attributes: Any) -> Run:
        op = OPERATORS[name]["native"]
        return opened(require_library(op), op.onnx_domain, name, list(op.inputs), list(op.outputs), **attributes)

    return made


#: sessions that hypothesis opens once
OPEN: dict[Any, Run] = {}


def columns(rows: list[tuple[float, ...]], count: int) -> list[Array]:
    return [np.array([row[at] for row in rows], dtype=np.float64) for at in range(count)]


@given(rows=st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=20))
def test_distances_are_those_of_the_reference(native: Callable[..., Run], rows: list[tuple[float, ...]]) -> None:
    run = OPEN.get("haversine") or OPEN.setdefault("haversine", native("haversine"))
    given_ = columns(rows, 4)
    np.testing.assert_allclose(run(*given_)[0], bodies.haversine(*given_), rtol=1e-13, atol=1e-9)


@given(rows=st.lists(st.tuples(numbers, numbers), max_size=20), precision=st.integers(1, 12))
def test_geohashes_are_those_of_the_reference(native: Callable[..., Run], rows: list[tuple[float, ...]], precision: int) -> None:
    run = OPEN.get(precision) or OPEN.setdefault(precision, native("geohash", precision=precision))
    given_ = columns(rows, 2)
    expected = ["\ufdd0" if text is None else text for text in bodies.geohash(*given_, precision=precision)]
    assert run(*given_)[0].tolist() == expected


corners = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 360)).map(list), min_size=3, max_size=8)


@given(polygon=corners.filter(lambda points: not problem_of(points)), rows=st.lists(st.tuples(numbers, numbers), max_size=10))
def test_zones_are_those_of_the_reference(
    native: Callable[..., Run], polygon: list[list[float]], rows: list[tuple[float, ...]]
) -> None:
    polygon = normal(polygon)
    given_ = [np.array([*column, *more]) for column, more in zip(columns(rows, 2), cases.outline(polygon), strict=True)]
    assert native("in_polygon", polygon=json.dumps(polygon))(*given_)[0].tolist() == bodies.in_polygon(*given_, polygon).tolist()


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("geohash", {}, "its argument 'precision' is missing"),
        ("geohash", {"precision": 0}, "its precision must be from 1 to 12"),
        ("geohash", {"precision": 13}, "its precision must be from 1 to 12"),
        ("geohash", {"precision": 2**62}, "its precision must be from 1 to 12"),
        ("geohash", {"precision": "7"}, "its argument 'precision' must be an int"),
        ("in_polygon", {}, "its argument 'polygon' is missing"),
        ("in_polygon", {"polygon": "[]"}, "its polygon must be a list of three points"),
        ("in_polygon", {"polygon": "[[0, 0], [1, 1]]"}, "its polygon must be a list of three points"),
        ("in_polygon", {"polygon": "[[0, 0], [1, 1], [2]]"}, "its polygon must be a list of three points"),
        ("in_polygon", {"polygon": "[[0, 0], [1, NaN], [2, 2]]"}, "its polygon must be a list of three points"),
        ("in_polygon", {"polygon": '{"a": 1}'}, "its polygon must be a list of three points"),
        ("in_polygon", {"polygon": 3}, "its argument 'polygon' must be a text"),
    ],
)
def test_nodes_that_make_no_sense_are_refused(native: Callable[..., Run], name: str, attributes: Any, words: str) -> None:
    with pytest.raises(Exception, match=f"the native operator geo.native:{name} 1: {words}"):
        native(name, **attributes)


COMMA = """
import json, locale, sys
import numpy as np
import onnxruntime
locale.setlocale(locale.LC_ALL, sys.argv[3])
assert sys.argv[3] == "C" or locale.localeconv()["decimal_point"] == ","
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[1])
run = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"]).run
print(run(None, {"lat": np.array([0.3, 0.2]), "lon": np.array([0.5, 0.5])})[0].tolist())
"""


def test_a_comma_of_the_locale_is_no_decimal_point(tmp_path: Path) -> None:
    localedef = shutil.which("localedef")
    made = localedef and subprocess.run([localedef, "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "de_DE.UTF-8")], check=False)
    name = "de_DE.UTF-8" if made and not made.returncode else "C"  # where libc's locales are not installed there is no comma
    op = OPERATORS["in_polygon"]["native"]
    names = ["lat", "lon"]
    node = helper.make_node(
        op.name, names, ["inside"], domain=op.onnx_domain, polygon="[[0.25, 0.25], [0.25, 0.75], [0.75, 0.5]]"
    )
    into = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [2]) for name in names]
    graph = helper.make_graph([node], "one", into, [helper.make_tensor_value_info("inside", TensorProto.BOOL, [2])])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(op.onnx_domain, 1)]
    (tmp_path / "one.onnx").write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    done = subprocess.run(
        [sys.executable, "-c", COMMA, require_library(op), "one.onnx", name],
        cwd=tmp_path,
        env={**os.environ, "LOCPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[True, False]\n"), done.stderr


def test_a_session_serves_many_threads(native: Callable[..., Run]) -> None:
    lat, lon = (np.array(column) for column in cases.points())
    runs = [native("geohash", precision=9), native("in_polygon", polygon=json.dumps(cases.POLYGONS["horseshoe"]))]
    expected = [run(lat, lon)[0].tolist() for run in runs]
    wrong: list[int] = []

    def work(which: int) -> None:
        for _ in range(100):
            if runs[which](lat, lon)[0].tolist() != expected[which]:
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
