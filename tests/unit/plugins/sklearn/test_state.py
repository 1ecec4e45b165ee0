"""Fitted estimators as JSON: what comes back computes bit by bit the same; what is not allowed is refused by name."""

import json
import pickle
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, SplineTransformer, StandardScaler

from rtml_plugins.sklearn_ops import state_objects
from rtml_plugins.sklearn_ops.state import StateError, decode, encode
from tests.unit.plugins.sklearn.checks import numbers, three, two

X = numbers()[["a", "b", "c"]].to_numpy(dtype=float) / [1.0, 1.0, 1e3]
Y = three(numbers())

FITTED = {
    "trees": RandomForestClassifier(5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0, categorical_features=[1]),
    "histogram regression": HistGradientBoostingRegressor(max_iter=5, random_state=0, loss="poisson"),
    "losses": SGDClassifier(loss="log_loss", random_state=0),
    "pipeline": make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression()),
    "columns": make_pipeline(ColumnTransformer([("s", StandardScaler(), [0, 2])], remainder="passthrough"), GaussianNB()),
    "function": make_pipeline(FunctionTransformer(np.abs), SelectKBest(f_classif, k=2), LogisticRegression()),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    "votes": VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "neighbours": KNeighborsClassifier(3),
    "splines": make_pipeline(SplineTransformer(n_knots=3), LogisticRegression()),
    "bins": make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()),
}


def as_text(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("name", FITTED)
def test_what_comes_back_predicts_bit_by_bit_the_same(name: str) -> None:
    estimator = FITTED[name]
    estimator.fit(X, np.abs(X[:, 0]) if name == "histogram regression" else Y)
    text = as_text(encode(estimator))
    again = decode(json.loads(text))
    method = "predict" if name == "histogram regression" else "predict_proba"
    assert np.array_equal(getattr(estimator, method)(X), getattr(again, method)(X))
    assert as_text(encode(again)) == text


def test_two_processes_write_the_same_bytes() -> None:
    script = textwrap.dedent(
        """
        import hashlib, json, numpy as np
        from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
        from rtml_plugins.sklearn_ops.estimators import seeded
        from rtml_plugins.sklearn_ops.state import encode
        x = np.random.default_rng(0).normal(size=(100, 3)); y = (x[:, 0] > 0).astype(int)
        models = [seeded(cls()).fit(x, y) for cls in (GradientBoostingClassifier, HistGradientBoostingClassifier)]
        print(hashlib.sha256(json.dumps([encode(m) for m in models]).encode()).hexdigest())
        """
    )
    first, second = (subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(2))
    assert len(first.stdout) > 60
    assert first.stdout == second.stdout


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_, "<U4", "<M8[us]"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_arrays_keep_bits_shape_and_order(array: np.ndarray, transposed: bool) -> None:
    array = array.T if transposed else array
    again = decode(json.loads(as_text(encode(array))))
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert again.flags.f_contiguous == array.flags.f_contiguous or array.size <= 1


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_values_keep_kind_and_value(value: Any) -> None:
    again = decode(json.loads(as_text(encode(value))))
    assert repr(again) == repr(value)


def test_scalars_and_special_arrays() -> None:
    masked = np.ma.MaskedArray([1.0, 2.0], mask=[True, False])
    mixed = np.array(["a", 1, None, np.nan], dtype=object)
    for value in (
        np.float32(0.1),
        np.int64(-5),
        np.str_("ß"),
        np.dtype("O"),
        {"x", "y"},
        frozenset([1]),
        slice(1, None),
        np.float64,
    ):
        assert decode(json.loads(as_text(encode(value)))) == value
    again = decode(json.loads(as_text(encode(masked))))
    assert again.mask.tolist() == [True, False]
    assert again.data[1] == 2.0
    assert repr(decode(json.loads(as_text(encode(mixed)))).tolist()) == repr(mixed.tolist())


def test_equal_sets_and_padded_records_give_equal_text() -> None:
    assert as_text(encode({"b", "a"})) == as_text(encode({"a", "b"}))
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    dirty, clean = np.frombuffer(bytes(range(32)), kind), np.zeros(2, kind)
    for name in ("a", "b"):
        clean[name] = dirty[name]
    assert dirty.tobytes() != clean.tobytes()
    assert encode(dirty) == encode(clean)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (FunctionTransformer(lambda v: v), "<lambda>"),
        (FunctionTransformer(pickle.loads), "loads"),
        (make_pipeline(FunctionTransformer(np.vectorize(str))), "numpy.vectorize"),
        (CountVectorizer(preprocessor=str.lower), "the function str.lower"),
        (CountVectorizer(tokenizer="a b".split), "the function str.split"),
        (LogisticRegression(C=object()), "builtins.object"),
        (subprocess.Popen, "subprocess.Popen"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(StateError, match="can't be kept") as error:
        encode(value)
    assert named in str(error.value)


def test_a_cycle_is_refused() -> None:
    looped: list[Any] = []
    looped.append(looped)
    with pytest.raises(StateError, match="holds itself"):
        encode(looped)


def evil(text: str) -> Any:
    return {"$": "object", "class": text, "make": "call", "args": [["touch", "here"]]}


@pytest.mark.parametrize(
    "state",
    [
        evil("subprocess.Popen"),
        evil("os.system"),
        evil("sklearn.datasets._base.load_files"),
        evil("sklearn.externals._arff.ArffDecoder"),
        {"$": "object", "class": "sklearn.tree._classes.DecisionTreeClassifier", "make": "os.system", "args": ["id"]},
        {"$": "function", "value": "sklearn.datasets._base.load_files"},
        {"$": "function", "value": "os.system"},
        {"$": "ufunc", "value": "os.system"},
        {"$": "class", "value": "subprocess.Popen"},
        {"$": "generator", "value": {"$": "dict", "items": [["bit_generator", "__class__"]]}},
        {"$": "array", "dtype": "|O", "shape": [1], "data": "AAAAAAAAAAA="},
        {"$": "array", "dtype": "<f8", "shape": [3], "data": "AAAAAAAAAAA="},
        {"$": "pickle", "data": "gASVBwAAAAAAAAB9lC4="},
    ],
)
def test_a_hostile_state_is_refused(state: Any) -> None:
    with pytest.raises(StateError):
        decode(state)


def tree_state(**changes: Any) -> Any:
    tree = RandomForestClassifier(1, random_state=0).fit(X, two(numbers())).estimators_[0].tree_
    state = encode(tree)
    nodes = decode(state["state"]["nodes"])
    for field, value in changes.items():
        nodes[field][0] = value
    state["state"]["nodes"] = encode(nodes)
    return state


def test_a_tree_that_points_outside_itself_is_refused() -> None:
    assert decode(tree_state()).node_count > 3
    for changes in ({"left_child": 10**6}, {"right_child": 0}, {"feature": 99}, {"feature": -7}):
        with pytest.raises(StateError, match="decision tree"):
            decode(tree_state(**changes))


def test_a_spline_of_a_constant_column_is_read_back() -> None:
    x = np.column_stack([np.full(20, 3.0), np.arange(20.0)])
    for degree in (1, 3):
        fitted = SplineTransformer(n_knots=4, degree=degree).fit(x)
        again = decode(json.loads(json.dumps(encode(fitted))))
        np.testing.assert_array_equal(again.transform(x), fitted.transform(x))


def test_a_class_that_is_neither_estimator_nor_named_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_objects, "allowed_package", lambda name: name.startswith(("sklearn.", "fractions.")))
    for state in (
        {"$": "object", "class": "fractions.Fraction", "make": "call", "args": [1]},
        {"$": "object", "class": "builtins.bytearray", "make": "call", "args": [10]},
    ):
        with pytest.raises(StateError, match="it is no estimator"):
            decode(state)
