"""The operator: documented forms, learning, answering, compiling, keeping."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from rtml_core.columns import Schema
from rtml_core.errors import ColumnError, NotFittedError, ParamError, RtmlError
from rtml_core.frames import canonical
from rtml_core.lowering.scratch import schema_by_lowering
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.sklearn_ops import ScikitLearn, Split
from tests.unit.plugins.sklearn.checks import numbers, texts, three, two, value

BOOSTING = {"model": "sklearn.ensemble.GradientBoostingClassifier", "model_params": {"n_estimators": "8", "max_depth": "3"}}


def data(*, missing: bool = False) -> pd.DataFrame:
    frame = pd.concat([numbers(missing=missing), texts(missing=missing)], axis=1)
    return canonical(frame.assign(y=two(frame), z=three(frame), v=value(frame), f=two(frame) > 0))


def pipeline(model: Any) -> Any:
    steps = [
        ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["a", "b", "c"]),
        ("t", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), ["g", "brand"]),
    ]
    return make_pipeline(ColumnTransformer(steps), model)


# ---- the documented form -------------------------------------------------------------------------------------------------


def test_train_then_test_as_documented(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    split = Split(params={"train_size": 0.75}).process(data())
    common = {"features": ["a", "b", "c"], "label": "y", "model_path": str(path), "params": BOOSTING}
    trained = ScikitLearn(params={**common, "mode": "train"})
    message = trained.process(split)
    assert message.model == {
        "features": ["a", "b", "c"],
        "outputs": ["label", "probability_0", "probability_1"],
        "model_path": str(path),
    }
    assert message.data.xs("test").shape == (60, 3)
    assert trained.model().n_estimators == 8
    by_file = ScikitLearn(params={**common, "mode": "test"}).process(split)
    by_state = ScikitLearn(model=trained.model(), label="y", mode="test").process(split)
    assert by_file.model["metrics"] == pytest.approx(by_state.model["metrics"])
    assert set(by_state.model["metrics"]) == {"accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss"}
    assert by_state.model["metrics"]["accuracy"] > 0.7
    assert by_file.model["rows"] == len(by_file.data) == 60


def test_training_rows_only() -> None:
    split = Split(train_size=0.5).process(data())
    operator = ScikitLearn(model=LinearRegression(), features=["a", "b"], label="v", mode="train")
    operator.process(split)
    train = split.data.xs("train")
    expected = LinearRegression().fit(train[["a", "b"]], train["v"])
    assert operator.model().coef_.tolist() == expected.coef_.tolist()
    with pytest.raises(RtmlError, match="the frame has no rows 'train'"):
        ScikitLearn(model=LinearRegression(), label="v").fit(pd.concat([data()], keys=["other"]))


def test_the_file_scores_like_the_node(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    operator = ScikitLearn(
        model=pipeline(LogisticRegression()), label="z", features=["a", "b", "c", "g", "brand"], model_path=str(path)
    )
    frame = data()
    operator.fit(frame)
    authored = operator.process(frame).data
    session = onnxruntime.InferenceSession(path.read_bytes())
    feed = {
        name: frame[name].to_numpy(dtype=object if name in ("g", "brand") else None).reshape(-1, 1) for name in operator.features
    }
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, feed), strict=True))
    assert names == list(authored.columns)
    assert found["label"][:, 0].tolist() == authored["label"].tolist()
    assert np.allclose(found["probability_x"][:, 0], authored["probability_x"], rtol=1e-12)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["rtml.features"]) == operator.features
    assert json.loads(facts["rtml.classes"]) == ["x", "y", "z"]


def test_a_file_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file")
    operator = ScikitLearn(model=LinearRegression(), label="v", features=["a"], model_path=str(tmp_path / "no" / "m.onnx"))
    operator.fit(data())
    with pytest.raises(RtmlError, match="can't be written to"):
        operator.process(data())
    assert [path.name for path in tmp_path.iterdir()] == ["no"]


def test_the_folder_of_a_model_file_is_made(tmp_path: Path) -> None:
    operator = ScikitLearn(model=LinearRegression(), label="v", features=["a"], model_path=str(tmp_path / "resources" / "m.onnx"))
    operator.fit(data()).process(data())
    assert [path.name for path in (tmp_path / "resources").iterdir()] == ["m.onnx"]


def test_test_mode_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    for path in (None, str(tmp_path / "none.onnx")):
        operator = ScikitLearn(model="sklearn.linear_model.Ridge", label="v", mode="test", model_path=path)
        with pytest.raises(NotFittedError, match="mode 'test' needs a fitted model"):
            operator.process(data())


# ---- answers and their names -----------------------------------------------------------------------------------------------


def test_defaults_by_kind() -> None:
    frame = data()
    kinds: list[tuple[Any, str | None, list[str]]] = [
        (LogisticRegression(), "z", ["label", "probability_x", "probability_y", "probability_z"]),
        (LogisticRegression(), "f", ["label", "probability_False", "probability_True"]),
        (LinearRegression(), "v", ["prediction"]),
        (StandardScaler(), None, ["a", "b"]),
        (KMeans(2, random_state=0), None, ["label"]),
    ]
    for estimator, label, names in kinds:
        operator = ScikitLearn(model=estimator, features=["a", "b"], label=label).fit(frame)
        answered = operator.transform(frame)
        assert list(answered.columns) == names
        assert answered.index.equals(frame.index)
        assert operator.transform(frame.iloc[:0]).dtypes.tolist() == answered.dtypes.tolist()


def test_outputs_by_class_and_position() -> None:
    frame = data()
    spec = {"yes": "probability[y]", "first": "probability[0]", "who": "label"}
    operator = ScikitLearn(model=LogisticRegression(), features=["a", "b"], label="z", outputs=spec).fit(frame)
    found = operator.transform(frame)
    shares = operator.model().predict_proba(frame[["a", "b"]])
    assert list(found.columns) == ["yes", "first", "who"]
    assert (found["yes"].to_numpy() == shares[:, 1]).all()
    assert (found["first"].to_numpy() == shares[:, 0]).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("probabilty[1]", "must be one of label, probability.*Did you mean 'probability'"),
        ("probability", r"say which one, e.g. 'probability\[x\]'"),
        ("probability[w]", "'w' is none of x, y, z"),
        ("value", "a LogisticRegression has no value; it has label, probability, decision"),
        ("transformed[a]", "a LogisticRegression has no transformed"),
    ],
)
def test_an_output_that_is_not_there_is_named(text: str, said: str) -> None:
    operator = ScikitLearn(model=LogisticRegression(), features=["a"], label="z", outputs={"p": text})
    with pytest.raises(ParamError, match=f"parameter 'outputs', entry 'p': {said}"):
        operator.fit(data())


# ---- learning ----------------------------------------------------------------------------------------------------------------


def test_features_default_to_all_but_the_label() -> None:
    frame = data()[["a", "b", "y"]]
    assert ScikitLearn(model=LogisticRegression(), label="y").fit(frame).features == ["a", "b"]


def test_learning_twice_gives_one_state_and_keeps_the_given_estimator_unfitted() -> None:
    given = RandomForestClassifier(3)
    states = [ScikitLearn(model=given, features=["a", "b"], label="z").fit(data()).state for _ in range(2)]
    assert json.dumps(states[0]) == json.dumps(states[1])
    assert not hasattr(given, "estimators_")
    assert json.loads(json.dumps(states[0], allow_nan=False)) == states[0]


def test_a_fitted_estimator_is_used_as_it_is() -> None:
    frame = data()
    fitted = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    operator = ScikitLearn(model=fitted, label="z")
    assert operator.fitted
    before = json.dumps(operator.state)
    operator.fit(frame)
    assert json.dumps(operator.state) == before
    assert operator.transform(frame)["label"].tolist() == fitted.predict(frame[["a", "b"]]).tolist()
    assert assert_parity(operator, frame[["a", "b"]], nullable=False) > 0
    with pytest.raises(ParamError, match="'features' must name the columns, as the estimator was fitted without names"):
        ScikitLearn(model=LogisticRegression().fit(frame[["a", "b"]].to_numpy(), frame["y"]))


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"label": None}, RtmlError, "a LogisticRegression learns from a label"),
        ({"label": "w"}, ColumnError, "Column 'w' does not exist"),
        ({"features": ["a", "bb"]}, ColumnError, "Column 'bb' does not exist.*Did you mean 'b'"),
        ({"features": ["a", "seen"]}, ColumnError, r"Column 'seen' is a timestamp.*dt\.hour"),
        ({"label": "gap"}, ColumnError, "Column 'gap' is the label and is missing in 1 rows"),
    ],
)
def test_what_can_not_be_learned_is_said(options: dict[str, Any], kind: type[Exception], said: str) -> None:
    frame = data().assign(seen=pd.Timestamp("2026-01-01"), gap=lambda f: f["a"].where(f.index != 3))
    params = {"model": LogisticRegression(), "features": ["a", "b"], "label": "y", **options}
    with pytest.raises(kind, match=said):
        ScikitLearn(params).fit(frame)


def test_before_learning_it_says_so() -> None:
    operator = ScikitLearn(model=LogisticRegression(), label="y")
    assert not operator.fitted
    with pytest.raises(NotFittedError, match="has to learn first"):
        operator.transform(data())


# ---- keeping -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["path", "object", "nested", "documented"])
def test_parameters_survive_json(form: str) -> None:
    nested = {"steps": [["scale", {"model": "sklearn.preprocessing.StandardScaler"}], ["model", {**BOOSTING}]]}
    forms: dict[str, dict[str, Any]] = {
        "path": {**BOOSTING},
        "object": {"model": make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=8))},
        "nested": {"model": "sklearn.pipeline.Pipeline", "model_params": nested},
        "documented": {"params": BOOSTING},
    }
    operator = ScikitLearn({**forms[form], "features": ["a", "b"], "label": "y"})
    text = json.dumps(operator.to_json(), allow_nan=False)
    again = ScikitLearn(json.loads(text))
    assert json.dumps(again.to_json()) == text
    state = operator.fit(data()).state
    assert json.dumps(again.fit(data()).state) == json.dumps(state)
    third = ScikitLearn(json.loads(text))
    third.state = json.loads(json.dumps(state))
    assert third.transform(data()).equals(operator.transform(data()))


def test_a_state_of_another_scikit_learn_is_refused() -> None:
    operator = ScikitLearn(model=LinearRegression(), features=["a"], label="v").fit(data())
    assert operator.state is not None
    operator.state = {**operator.state, "sklearn": "1.2.0"}
    with pytest.raises(RtmlError, match=r"fitted with scikit-learn 1\.2\.0, and .* is installed; fit it again"):
        operator.transform(data())


# ---- compiling -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("model", [LogisticRegression(), GradientBoostingClassifier(n_estimators=5), RandomForestClassifier(5)])
def test_parity_on_training_rows_and_on_its_own_cases(model: Any, missing: bool) -> None:
    frame = data(missing=missing)
    columns = ["a", "b", "c", "g", "brand"]
    operator = ScikitLearn(model=pipeline(model), features=columns, label="z").fit(frame)
    assert_parity(operator, frame[columns])
    cases = operator.parity_cases()
    assert cases is not None
    assert 100 < len(cases) <= 10_000
    assert list(cases.columns) == columns
    assert_parity(operator, cases)


def test_booleans_and_what_is_missing_in_them() -> None:
    frame = data()
    frame["maybe"] = pd.array(np.where(np.arange(len(frame)) % 7 == 0, None, frame["f"]), dtype="boolean")
    operator = ScikitLearn(model=HistGradientBoostingClassifier(max_iter=5), features=["a", "f", "maybe"], label="y").fit(frame)
    assert_parity(operator, frame[["a", "f", "maybe"]])
    assert_parity(operator, frame[["a", "f"]].assign(maybe=True), nullable=False)


def test_numbers_and_strings_side_by_side_keep_their_kind() -> None:
    frame = data()
    keep = ColumnTransformer([("s", StandardScaler(), ["a"])], remainder="passthrough", verbose_feature_names_out=False)
    operator = ScikitLearn(model=keep, features=["a", "b", "g"]).fit(frame)
    assert assert_parity(operator, frame[["a", "b", "g"]]) > 0
    assert operator.transform(frame).dtypes.astype(str).tolist() == ["float64", "int64", "str"]


def test_only_the_outputs_come_out_and_the_schema_says_so() -> None:
    frame = data()
    operator = ScikitLearn(model=LogisticRegression(), features=["a", "b"], label="y", outputs={"p": "probability[1]"}).fit(frame)
    from rtml_core.frames import schema_of

    assert [str(column) for column in schema_by_lowering(operator, schema_of(frame, nullable=False)).values()] == ["p: float64"]


def test_refusals_name_the_column_and_the_cure() -> None:
    frame = data(missing=True)
    operator = ScikitLearn(model=LogisticRegression(), features=["k", "b"], label="y").fit(data())
    assert_refuses(operator, frame[["k", "b"]], "column 'b' may be missing here", "LogisticRegression", "fillna")
    with pytest.raises(ColumnError, match="Column 'k' does not exist"):
        schema_by_lowering(operator, Schema([]))


def test_unknown_categories_are_refused_on_both_sides() -> None:
    frame = data()
    encoder = make_pipeline(OrdinalEncoder(), LogisticRegression())
    operator = ScikitLearn(model=encoder, features=["g", "brand"], label="y").fit(frame)
    rows = pd.concat([frame[["g", "brand"]], pd.DataFrame({"g": ["m", "?"], "brand": ["Z", "A"]})])
    assert_parity(operator, rows)


def test_values_beyond_float32_are_answered_by_both() -> None:
    frame = data()
    for model in (RandomForestClassifier(3), pipeline(GradientBoostingClassifier(n_estimators=3)), LogisticRegression()):
        columns = ["a", "b", "c", "g", "brand"] if hasattr(model, "steps") else ["a", "c"]
        operator = ScikitLearn(model=model, features=columns, label="y").fit(frame)
        rows = frame[columns].head(5).assign(a=[1e300, -1e300, 3.5e38, 1e39, 0.0])
        assert len(operator.transform(rows)) == 5
        assert_parity(operator, rows, nullable=False)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("sklearn.linear_model.LinearRegression", r"a LinearRegression does not learn from these rows: Input X contains NaN"),
        ("sklearn.preprocessing.LabelEncoder", r"a LabelEncoder does not learn from these rows: "),
        ("sklearn.preprocessing.MultiLabelBinarizer", r"MultiLabelBinarizer answers \d+ rows for 1, so it can't be a node"),
        (
            "sklearn.feature_extraction.image.PatchExtractor",
            r"PatchExtractor does not take rows of columns",
        ),
    ],
)
def test_what_scikit_learn_refuses_to_learn_is_said_in_a_sentence(model: str, words: str) -> None:
    frame = numbers(missing=True).assign(y=1.0)
    label = "y" if "linear" in model else None
    with pytest.raises(RtmlError, match=words):
        ScikitLearn(model=model, features=["a", "c"], label=label).fit(frame)
