"""The contenders on the standard pipeline: the same rows in, the same probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from sklearn.pipeline import Pipeline

from rtml_core import Graph
from rtml_core.compiler import Compiled
from rtml_core.runtime import Runtime
from tests.benchmarks import authored, baseline, data, prototype

Array = np.ndarray[Any, Any]


@dataclass
class Standard:
    """All contenders, fitted on one training frame. Build it with `prepare`."""

    pipeline: Pipeline
    graph: Graph
    compiled: Compiled
    by_hand: onnx.ModelProto

    @cached_property
    def runtime(self) -> Runtime:
        """The compiled package, loaded."""
        return Runtime.from_bytes(self.compiled.data)

    @cached_property
    def hand_session(self) -> ort.InferenceSession:
        """The prototype, loaded."""
        return prototype.session(self.by_hand)

    # ---- raw rows in, probability of buying out: float64 [N] ----------------------------------------------------------------

    def authored(self, frame: pd.DataFrame) -> Array:
        """The authored graph, eagerly on pandas."""
        return self.graph.run(typed(frame))["propensity"].to_numpy()

    def scikit_learn(self, frame: pd.DataFrame) -> Array:
        """The Pipeline of scikit-learn."""
        return np.asarray(self.pipeline.predict_proba(frame)[:, 1])

    def prototype(self, frame: pd.DataFrame) -> Array:
        """The graph written by hand; it computes in float32."""
        probabilities, valid = self.hand_session.run(["probabilities", "valid"], prototype.feed(frame))
        assert valid.all()
        return np.asarray(probabilities[:, 1])

    def columns(self, frame: pd.DataFrame) -> Array:
        """The runtime on raw columns, timestamps as text."""
        return self.runtime.score_columns(raw_columns(frame))["propensity"]

    def rows(self, frame: pd.DataFrame) -> Array:
        """The runtime on dicts, one by one."""
        return np.array([self.runtime.score_row(row)["propensity"] for row in raw_rows(frame)])

    # ---- jobs to be timed: everything that can be prepared is prepared --------------------------------------------------------

    def on_arrays(self, frame: pd.DataFrame) -> Callable[[], Any]:
        """session.run of the compiled model on its own tensors, in the runtime's chunks."""
        feed = self.runtime.signature.columns(raw_columns(frame))
        if len(frame) > 1:
            return lambda: self.runtime.run(feed, len(frame))
        names = [output.name for output in self.runtime.session.get_outputs()]
        return lambda: self.runtime.session.run(names, feed)

    def hand_on_arrays(self, frame: pd.DataFrame) -> Callable[[], Any]:
        """session.run of the prototype on its own tensors."""
        feed, session = prototype.feed(frame), self.hand_session
        return lambda: session.run(["probabilities", "valid"], feed)


def prepare(*, rows: int = 20_000, sample: int = 2_000, trees: int = 80) -> Standard:
    """Fit the contenders on `rows` generated rows and compile, with `sample` other rows for the parity gate."""
    train = data.rows(rows, seed=1)
    bought = data.bought(train, seed=2)
    pipeline = baseline.pipeline().set_params(model__n_estimators=trees).fit(train, bought)
    graph = authored.graph(trees).fit(typed(train.assign(bought=bought)))
    compiled = graph.compile(sample=typed(data.rows(sample, seed=3)))
    median = float(pipeline.named_steps["features"].named_transformers_["age"].statistics_[0])
    return Standard(pipeline, graph, compiled, prototype.build(median, pipeline.named_steps["model"]))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """What the authored graph takes: timestamps instead of their text."""
    return frame.assign(seen_at=pd.to_datetime(frame["seen_at"], format="ISO8601"))


def raw_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a web server gets them: dicts, missing values None."""
    return [{name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value


def raw_columns(frame: pd.DataFrame) -> Mapping[str, Array]:
    """Columns as arrays; missing texts are None."""
    return {name: frame[name].to_numpy(object if name in (*data.TEXTS, "seen_at") else np.float64) for name in frame}
