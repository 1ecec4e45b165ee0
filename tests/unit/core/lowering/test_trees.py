"""TreeEnsembleRegressor and -Classifier rewritten for ai.onnx.ml 5, against onnxruntime running the original."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from rtml_core.assemble import assemble
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.forest import Branch, Forest, Tree, tree_ensemble
from rtml_core.lowering.graft import graft
from rtml_core.lowering.probe import open_session

FEATURES = 3
LEAVES = ("all", "one", "by tree", "some", "first", "last")
#: one unit of the last place of float32 around 1, for what float32 formulas lose themselves
SINGLE = {"LOGISTIC": 1.2e-7, "SOFTMAX": 4e-7, "SOFTMAX_ZERO": 4e-7}


def _leaf_targets(rng: random.Random, leaves: str, targets: int, tree: int) -> list[int]:
    return {
        "all": lambda: list(range(targets)),
        "one": lambda: [rng.randrange(targets)],
        "by tree": lambda: [tree % targets],
        "some": lambda: sorted(rng.sample(range(targets), rng.randint(1, targets))),
        "first": lambda: [0],
        "last": lambda: [targets - 1],
    }[leaves]()


def _weight(rng: random.Random, sign: str) -> float:
    value = {"mixed": rng.gauss(0, 3), "positive": rng.random() + 0.01, "with zeros": rng.choice([0.0, rng.random()])}[sign]
    return float(np.float32(value))


def made_up_trees(rng: random.Random, targets: int, prefix: str, leaves: str, sign: str) -> dict[str, Any]:
    """Attributes of an ensemble of up to 6 trees with any branch modes."""
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    made: dict[str, list[Any]] = {f"nodes_{name}": [] for name in names}
    made |= {f"{prefix}_{name}": [] for name in ("ids", "treeids", "nodeids", "weights")}
    for tree in range(rng.randint(1, 6)):
        nodes: list[Any] = []

        def grow(depth: int, tree: int = tree, nodes: list[Any] = nodes) -> int:
            at = len(nodes)
            nodes.append(None)
            if depth == 0 or (at and rng.random() < 0.2):
                nodes[at] = (0, "LEAF", 0.0, 0, 0, 0)
                for target in _leaf_targets(rng, leaves, targets, tree):
                    for name, value in (("ids", target), ("treeids", tree), ("nodeids", at), ("weights", _weight(rng, sign))):
                        made[f"{prefix}_{name}"].append(value)
                return at
            mode = rng.choice(["BRANCH_LEQ"] * 3 + ["BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ"])
            split = float(np.float32(rng.choice([rng.gauss(0, 1), 0.5, 1.0])))
            yes, no = grow(depth - 1), grow(depth - 1)
            nodes[at] = (rng.randrange(FEATURES), mode, split, yes, no, rng.randint(0, 1))
            return at

        grow(rng.randint(0, 4))
        for number, node in enumerate(nodes):
            for name, value in zip(names, (tree, number, *node), strict=True):
                made[f"nodes_{name}"].append(value)
    return made


def tree_model(op: str, attributes: dict[str, Any], dtype: str) -> onnx.ModelProto:
    outputs = ["scores"] if op.endswith("Regressor") else ["label", "scores"]
    kind = TensorProto.FLOAT if dtype == "float32" else TensorProto.DOUBLE
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], outputs, domain="ai.onnx.ml", **attributes)],
        "trees",
        [helper.make_tensor_value_info("x", kind, ["N", FEATURES])],
        [onnx.ValueInfoProto(name=name) for name in outputs],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def hard_rows(seed: int, dtype: str) -> np.ndarray:
    """Random rows, and rows on the splits, infinite and missing."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(50, FEATURES))
    rows[:25] = rng.choice([0.5, 1.0, 0.0, np.nan, np.inf, -np.inf], size=(25, FEATURES))
    return rows.astype(dtype)


def both(model: onnx.ModelProto, rows: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """What onnxruntime says of the original and of the grafted model, and the number of nodes of the latter."""
    names = [output.name for output in model.graph.output]
    wanted = dict(zip(names, open_session(model.SerializeToString()).run(names, {"x": rows}), strict=True))
    b = Builder()
    grafted = graft(b, model, {"x": b.input("x", str(rows.dtype), FEATURES)})
    built = assemble(b, grafted)
    onnx.checker.check_model(built.model)
    found = dict(zip(grafted, open_session(built.model).run(list(grafted), {"x": rows}), strict=True))
    return wanted, found, built.node_count


def both_or_reject(model: onnx.ModelProto, rows: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """As `both`. To refuse is allowed, to be wrong is not; hypothesis complains when most examples are refused."""
    try:
        return both(model, rows)[:2]
    except NotLowerableError as error:
        if "a tree ensemble" not in str(error):
            raise
    reject()


def assert_same(wanted: dict[str, np.ndarray], found: dict[str, np.ndarray], transform: str) -> None:
    np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=SINGLE.get(transform, 0), atol=SINGLE.get(transform, 0))
    if "label" in wanted:
        assert found["label"][:, 0].tolist() == wanted["label"].tolist()


@settings(max_examples=150)
@example(seed=5782, transform="NONE").via("folding made two equality splits alike, which onnxruntime joined")
@given(seed=st.integers(0, 2**32), transform=st.sampled_from(["NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]))
def test_a_regressor_keeps_its_meaning(seed: int, transform: str) -> None:
    rng = random.Random(seed)
    targets = rng.choice([1, 1, 2, 4])
    attributes = made_up_trees(rng, targets, "target", rng.choice(LEAVES), rng.choice(["mixed", "positive", "with zeros"]))
    attributes |= {"n_targets": targets, "post_transform": transform}
    attributes["aggregate_function"] = rng.choice(["SUM", "AVERAGE", "MIN", "MAX"])
    if rng.random() < 0.5:
        attributes["base_values"] = [float(np.float32(rng.gauss(0, 1))) for _ in range(targets)]
    dtype = rng.choice(["float32", "float64"])
    assert_same(*both_or_reject(tree_model("TreeEnsembleRegressor", attributes, dtype), hard_rows(seed, dtype)), transform)


@settings(max_examples=250)
@given(st.integers(0, 2**32), st.sampled_from(["NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]))
def test_a_classifier_keeps_labels_and_scores(seed: int, transform: str) -> None:
    rng = random.Random(seed)
    classes = rng.choice([2, 2, 2, 3, 4])
    attributes = made_up_trees(rng, classes, "class", rng.choice(LEAVES), rng.choice(["mixed", "positive", "with zeros"]))
    attributes["post_transform"] = transform
    count = rng.choice([0, 1, 2] if classes == 2 else [0, classes])
    if count:
        attributes["base_values"] = [float(np.float32(rng.gauss(0, 1))) for _ in range(count)]
    labels = rng.choice(["text", "any", "counted"])
    if labels == "text":
        attributes["classlabels_strings"] = ["d", "a", "ü", "b"][:classes]
    else:
        attributes["classlabels_int64s"] = [5, 7, 9, -3][:classes] if labels == "any" else list(range(classes))
    dtype = rng.choice(["float32", "float64"])
    assert_same(*both_or_reject(tree_model("TreeEnsembleClassifier", attributes, dtype), hard_rows(seed, dtype)), transform)


def stumps(weights: list[list[tuple[int, float]]], prefix: str = "class") -> dict[str, Any]:
    """Trees of one branch, x0 <= 0.5; weights[2 * tree] where it holds, weights[2 * tree + 1] where it does not."""
    made: dict[str, list[Any]] = {}
    for tree in range(len(weights) // 2):
        for node, (mode, yes, no) in enumerate([("BRANCH_LEQ", 1, 2), ("LEAF", 0, 0), ("LEAF", 0, 0)]):
            row = {"treeids": tree, "nodeids": node, "featureids": 0, "modes": mode, "values": 0.5}
            row |= {"truenodeids": yes, "falsenodeids": no}
            for name, value in row.items():
                made.setdefault(f"nodes_{name}", []).append(value)
        for side in (0, 1):
            for target, weight in weights[2 * tree + side]:
                for name, value in (("ids", target), ("treeids", tree), ("nodeids", side + 1), ("weights", weight)):
                    made.setdefault(f"{prefix}_{name}", []).append(value)
    return made


def test_pure_leaves_are_written_once() -> None:
    """A forest for three classes whose leaves list zeros for the others takes one copy of each tree, and two nodes."""
    pure = stumps([[(0, 1.0), (1, 0.0), (2, 0.0)], [(0, 0.0), (1, 0.0), (2, 1.0)]])
    model = tree_model("TreeEnsembleClassifier", {**pure, "classlabels_int64s": [0, 1, 2]}, "float32")
    rows = np.array([[0, 0, 0], [1, 0, 0]], dtype=np.float32)
    wanted, found, nodes = both(model, rows)
    assert_same(wanted, found, "NONE")
    assert nodes == 2  # TreeEnsemble, ArgMax
    b = Builder()
    scores = graft(b, model, {"x": b.input("x", "float32", FEATURES)})["scores"]
    producer = scores.producer()
    assert producer is not None
    assert len(producer.attributes["tree_roots"].as_ints()) == 1


def test_two_classes_of_one_score_take_few_nodes() -> None:
    model = tree_model(
        "TreeEnsembleClassifier",
        {**stumps([[(0, -1.5)], [(0, 2.0)]]), "classlabels_int64s": [0, 1], "post_transform": "LOGISTIC"},
        "float32",
    )
    wanted, found, nodes = both(model, np.array([[0, 0, 0], [1, 0, 0]], dtype=np.float32))
    assert_same(wanted, found, "LOGISTIC")
    assert nodes == 7  # TreeEnsemble, Greater, Cast for the label; Mul, Cast, Sigmoid, Cast for the scores


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"post_transform": "CUBE"}, "unknown post_transform 'CUBE'"),
        ({"nodes_modes": ["BRANCH_ODD", "LEAF", "LEAF"]}, "unknown mode 'BRANCH_ODD'"),
        ({"classlabels_int64s": [0]}, "1 classes; at least 2"),
        ({"post_transform": "PROBIT"}, "leaves the other score undefined"),
        ({"base_values": [0.0, 1.0], "class_ids": [1, 1], "post_transform": "PROBIT"}, "two base values with PROBIT"),
        ({"class_ids": [0, 1]}, "on some rows only"),
        ({"class_ids": [0, 7]}, "weight for target 7, but only 2 targets"),
    ],
)
def test_what_has_no_exact_form_is_refused(attributes: dict[str, Any], words: str) -> None:
    from rtml_core.lowering.trees import classifier

    b = Builder()
    given = {**stumps([[(0, 1.0)], [(0, -2.0)]]), "classlabels_int64s": [0, 1], **attributes}
    with pytest.raises(NotLowerableError, match=words):
        classifier(b, b.input("x", "float32", FEATURES), given)


def test_a_circle_of_nodes_is_refused() -> None:
    circle = Tree([Branch(0, 0, 0.5, False, 0, 1), [(0, 1.0)]])
    b = Builder()
    with pytest.raises(NotLowerableError, match="runs in a circle"):
        tree_ensemble(b, b.input("x", "float32", FEATURES), Forest([circle], "float32"), 1)
