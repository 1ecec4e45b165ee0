"""One hub with an edge for all tests of this package."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from rtml_nodelibs.nodes.standard.ml.artifact_utils import ModelUpload
from rtml_nodelibs.nodes.standard.ml.onnx import ONNXNode
from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_sdk.graph.utils import GraphBuilder

from rtml_core import Operator, plugin_settings
from rtml_plugins.up import embedded

settings.register_profile("rtml", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("rtml")


@pytest.fixture(scope="session")
def machine() -> Iterator[embedded.Embedded]:
    """A hub and an edge in a folder of their own, for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="rtml-aep-"))
    started = embedded.start(home, ["na"])
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(home)


@pytest.fixture
def hub(machine: embedded.Embedded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Its address, which RTML_HUB says for as long as a test runs; models of the test are kept in a folder of its own."""
    monkeypatch.setenv("RTML_HUB", machine.hub)
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))
    return machine.hub


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own, where models are kept."""
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file that skl2onnx wrote: 2 a + 3 b + 1, of an input that is called float_input."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.linear_model import LinearRegression

    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.array([2.0, 3.0]), 1.0, 2
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(convert_sklearn(model, initial_types=[("float_input", FloatTensorType([None, 2]))]).SerializeToString())
    return path


@pytest.fixture(scope="session")
def clicks() -> pd.DataFrame:
    """Rows of a clickstream: browser and device as numbers, and who confirmed a payment."""
    rng = np.random.default_rng(0)
    browser, device = rng.integers(0, 2, 100), rng.integers(0, 2, 100)
    return pd.DataFrame(
        {"browser": browser, "device": device, "payment_confirm": ((browser + rng.random(100)) > 0.8).astype(int)}
    )


@pytest.fixture
def onnx_node(model_file: Path, home: Path) -> Operator:
    """The model as a node."""
    return model_node(model_file)


def model_node(model_file: Path) -> Operator:
    """A node that scores a and b with an uploaded model."""
    model_id = ModelUpload(params={"model_path": str(model_file)}).process(None, 1).model["model_id"]
    node: Operator = ONNXNode(params={"features": ["a", "b"], "model_id": model_id})
    return node


def dsl_of(model: Operator, fill: float = 4.0, *more: Operator, sample: Any = None) -> str:
    """DSL of a sample, a fill of column a, what else is given, and the model."""
    source = JsonToDataframe(params={"json_payload": json.dumps(sample or {"a": {0: 1}, "b": {0: 2}})})
    filled = Pandas(params={"import": "fillna", "kwargs": {"value": fill}, "cols": "a", "inplace": True})
    nodes = [source, filled, *more, model]
    return GraphBuilder.generate_dsl(nodes=nodes, edges=[(nodes[i], nodes[i + 1]) for i in range(len(nodes) - 1)])


@pytest.fixture
def dsl(onnx_node: Operator) -> Callable[..., str]:
    """See dsl_of."""
    return lambda *given, **more: dsl_of(onnx_node, *given, **more)


@pytest.fixture(scope="module")
def module_dsl(model_file: Path, tmp_path_factory: pytest.TempPathFactory, machine: embedded.Embedded) -> Iterator[str]:
    """DSL for a service of a whole module, with RTML_HUB and RTML_HOME set."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("RTML_HUB", machine.hub)
        changed.setenv("RTML_HOME", str(tmp_path_factory.mktemp("home")))
        yield dsl_of(model_node(model_file))


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Gives the plugin settings by their names, for one test."""

    def given(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"RTML_PLUGIN_AEP_{name.upper()}", value)
        plugin_settings.forget()

    given()
    yield given
    plugin_settings.forget()
