"""Pipelines of other kinds than the standard one, and every graph once more without the passes that make it small.

Column by column, as people write loops: what the optimisation finds is not prepared for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from unittest import mock

import numpy as np
import onnxruntime as ort
import pandas as pd
from onnxruntime_extensions import get_library_path
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.assemble import Assembled, assemble
from rtml_core.columns import Field, carrier_of
from rtml_core.compiler import Compiled, signature
from rtml_core.frames import canonical, to_carrier
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, without_lookup
from rtml_core.lowering.trace import lower_node

NUMBERS: Final = [f"number_{i}" for i in range(60)]
CATEGORIES: Final = [f"category_{i}" for i in range(20)]
_WORDS: Final = ("red", "Green", "BLUE", "grey", "violet", "Black", "white", "orange", "pink", "brown")


def many_numbers() -> Graph:
    """Sixty columns of numbers: filled, limited, scaled one by one, and a linear model."""
    authored: Any = op.Receiver(schema=dict.fromkeys(NUMBERS, "float?"))
    for number, name in enumerate(NUMBERS):
        for method, kwargs in (
            ("fillna", {"value": float(number)}),
            ("clip", {"lower": -100.0, "upper": 100.0 + number}),
            ("sub", {"other": 0.5 * number}),
            ("truediv", {"other": 1.0 + number / 10}),
        ):
            authored = authored >> op.Pandas(import_=method, cols=name, kwargs=kwargs, inplace=True)
    model = LogisticRegression(C=0.1, max_iter=2_000)
    return authored >> op.ScikitLearn(model=model, features=NUMBERS, label="y", outputs={"p": "probability[1]"})  # type: ignore[no-any-return]


def many_categories() -> Graph:
    """Twenty columns of texts: trimmed case, filled, grouped, one-hot one by one, and a linear model."""
    authored: Any = op.Receiver(schema=dict.fromkeys(CATEGORIES, "string?"))
    for name in CATEGORIES:
        authored = (
            authored
            >> op.Pandas(import_="str.lower", cols=name, inplace=True)
            >> op.Pandas(import_="fillna", cols=name, kwargs={"value": "none"}, inplace=True)
            >> op.GroupRare(cols=name, top=6)
            >> op.OneHotEncoder(cols=name)
        )
    model = LogisticRegression(C=0.1, max_iter=2_000)
    return authored >> op.ScikitLearn(model=model, label="y", outputs={"p": "probability[1]"})  # type: ignore[no-any-return]


def texts() -> Graph:
    """A title: flags and length of it, its words weighed by TF-IDF, and a linear model."""
    authored: Any = op.Receiver(schema={"title": "string?"}) >> op.Pandas(
        import_="fillna", cols="title", kwargs={"value": ""}, inplace=True
    )
    for word in ("sale", "new", "free"):
        authored = (
            authored
            >> op.Pandas(import_="str.lower", cols="title", into="lower")
            >> op.Pandas(import_="str.contains", cols="lower", kwargs={"pat": word}, into=word)
        )
    authored = authored >> op.Pandas(import_="str.len", cols="title", into="length")
    features = ColumnTransformer(
        [("words", TfidfVectorizer(max_features=1_000, ngram_range=(1, 2)), "title")], remainder="passthrough"
    )
    model = make_pipeline(features, LogisticRegression(C=0.1, max_iter=2_000))
    columns = ["title", "sale", "new", "free", "length"]
    return authored >> op.ScikitLearn(model=model, features=columns, label="y", outputs={"p": "probability[1]"})  # type: ignore[no-any-return]


def numbers(count: int, seed: int) -> pd.DataFrame:
    """Rows for many_numbers: a tenth is missing; `y` is the label."""
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 60, (count, len(NUMBERS)))
    label = (values[:, 0] + values[:, 1] > 10).astype(np.int64)
    values[rng.random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=NUMBERS).assign(y=label)


def categories(count: int, seed: int) -> pd.DataFrame:
    """Rows for many_categories: a tenth is missing; `y` is the label."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(_WORDS), (count, len(CATEGORIES)), p=np.arange(10, 0, -1) / 55)
    texts = np.array(_WORDS, dtype=object)[chosen]
    texts[rng.random(texts.shape) < 0.1] = None
    return pd.DataFrame(texts, columns=CATEGORIES).assign(y=(chosen[:, 0] < 2).astype(np.int64))


def titles(count: int, seed: int) -> pd.DataFrame:
    """Rows for texts: eight words of a vocabulary of 500, a twentieth is missing; `y` is the label."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyzäéß"))
    made = np.random.default_rng(0)
    words = np.array(["Sale", "new", "FREE", *("".join(made.choice(letters, int(made.integers(2, 9)))) for _ in range(500))])
    chosen = np.minimum(rng.zipf(1.3, (count, 8)) - 1, len(words) - 1)
    found = np.array([" ".join(row) for row in words[chosen]], dtype=object)
    found[rng.random(count) < 0.05] = None
    return pd.DataFrame({"title": found, "y": (chosen[:, 0] < 3).astype(np.int64)})


#: name -> the graph and rows for it
PIPELINES: Final[dict[str, tuple[Callable[[], Graph], Callable[[int, int], pd.DataFrame]]]] = {
    "60 columns of numbers": (many_numbers, numbers),
    "20 columns of categories": (many_categories, categories),
    "text": (texts, titles),
}


@dataclass
class Pair:
    """One graph, fitted, with the package that rtml makes of it and the model without the passes."""

    graph: Graph
    compiled: Compiled
    plain: Assembled
    fields: Sequence[Field]

    @cached_property
    def session(self) -> ort.InferenceSession:
        """The model without the passes, on one thread."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.register_custom_ops_library(get_library_path())
        return ort.InferenceSession(self.plain.model, options, providers=["CPUExecutionProvider"])

    def plain_feed(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """One tensor [N, 1] a field, for the model without the passes."""
        rows = canonical(frame[[entry.name for entry in self.fields]])
        wanted = {item.name for item in self.session.get_inputs()}
        arrays = {e.name: to_carrier(rows[e.name], e.column.dtype == "bool" and e.nullable)[:, None] for e in self.fields}
        return {name: array for name, array in arrays.items() if name in wanted}


class _Plain(Builder):
    """A builder that emits what it is told, also twice."""

    def multi(self, *arguments: Any, **options: Any) -> Any:
        self._seen.clear()
        return super().multi(*arguments, **options)


def without_passes(graph: Graph, fields: Sequence[Field]) -> Assembled:
    """The fitted graph lowered node by node: an input a column, nothing shared, folded or fused."""
    b = _Plain()
    sources = {
        entry.name: Symbolic(
            entry.column.dtype,
            b.input(entry.name, carrier_of(entry.column.dtype, entry.column.nullable), 1),
            0,
            entry.column.nullable,
            categories=entry.column.categories,
        )
        for entry in fields
    }
    nodes: dict[str, dict[str, Symbolic]] = {}
    for name in graph.validate():
        incoming = {column: s for parent in graph.before(name) for column, s in nodes[parent].items()} or sources
        nodes[name] = {column: without_lookup(s) for column, s in lower_node(graph, name, b, incoming).items()}
    ends = {column: s for end in graph.ends() for column, s in nodes[end].items()}
    names = graph.outputs or {column: column for column in ends}
    outputs = {f"out:{name}": b.take(ends[column].tensor, [ends[column].index]) for name, column in names.items()}
    with mock.patch("rtml_core.optimizer.fuse", return_value={}):
        return assemble(b, outputs)


def pair(graph: Graph, sample: pd.DataFrame) -> Pair:
    """Both forms of a fitted graph; the passes' one is proved on the sample."""
    fields, _ = signature(graph, sample)
    return Pair(graph, graph.compile(sample=sample), without_passes(graph, fields), fields)
