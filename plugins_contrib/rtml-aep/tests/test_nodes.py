"""Nodes as the documents write them, and the traps in what they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rtml_nodelibs.core.datamsg import DataMsg
from rtml_nodelibs.nodes.standard.ml.artifact_utils import ModelUpload
from rtml_nodelibs.nodes.standard.ml.onnx import ONNXNode
from rtml_nodelibs.nodes.standard.ml.scikitlearn import ScikitLearn
from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_nodelibs.nodes.standard.preprocessing.splitter import Split

from rtml_core.errors import ParamError, RtmlError

CLICKS = pd.DataFrame({"device": ["Desktop", "Mobile", "Tablet"], "browser": ["chrome", "firefox", None]})


def mapped(**more: Any) -> pd.DataFrame:
    node = Pandas(
        params={
            "import": "map",
            "kwargs": {"arg": {"Desktop": 1, "Mobile": 0}, "na_action": 0},
            "cols": "device",
            **more,
        }
    )
    found: pd.DataFrame = node.process(DataMsg(data=CLICKS)).data
    return found


def test_map_with_the_documented_na_action_of_0_leaves_unmapped_values_missing() -> None:
    assert mapped(inplace=True)["device"].tolist()[:2] == [1, 0]
    assert mapped(inplace=True)["device"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("given", [{}, {"inplace": False}])
def test_without_inplace_the_result_is_a_new_column(given: dict[str, Any]) -> None:
    found = mapped(**given)
    assert found["device"].tolist() == CLICKS["device"].tolist()
    assert found["device_map"].tolist()[:2] == [1, 0]


def test_cols_may_be_one_name_or_several() -> None:
    filled = Pandas(params={"import": "fillna", "kwargs": {"value": "none"}, "inplace": True, "cols": ["device", "browser"]})
    assert filled.process(CLICKS).data["browser"].tolist() == ["chrome", "firefox", "none"]


def test_without_cols_the_whole_frame_is_what_comes_out() -> None:
    node = Pandas(params={"import": "fillna", "kwargs": {"value": 0}})
    assert node.process(pd.DataFrame({"a": [1.0, np.nan]})).data["a"].tolist() == [1.0, 0.0]


def test_a_sample_of_columns_with_rows_as_keys_becomes_a_frame() -> None:
    payload = json.dumps({"age": {0: 41, 1: None}, "brand": {0: "VW", 1: "Fiat"}})
    frame = JsonToDataframe(params={"json_payload": payload}).process(None, 1).data
    assert frame["brand"].tolist() == ["VW", "Fiat"]
    assert frame["age"].isna().tolist() == [False, True]


def test_a_request_takes_the_place_of_the_sample() -> None:
    node = JsonToDataframe(params={"json_payload": json.dumps({"age": {0: 41}})})
    assert node.process({"age": {0: 7, 1: 8}}).data["age"].tolist() == [7.0, 8.0]


def test_a_model_is_uploaded_and_scored_by_its_id_whatever_its_input_is_called(model_file: Path, home: Path) -> None:
    message = ModelUpload(params={"model_path": str(model_file)}).process(None, 1)
    assert message.model is not None
    model_id = message.model["model_id"]
    assert Path(message.model["location"]).is_file()
    assert Path(message.model["location"]).is_relative_to(home)
    node = ONNXNode(params={"features": ["a", "b"], "model_id": model_id})
    scores = node.process(DataMsg(data=pd.DataFrame({"b": [2, 0], "a": [1, 10], "other": ["x", "y"]}))).data
    assert scores["variable"].tolist() == pytest.approx([2.0 * 1 + 3.0 * 2 + 1.0, 21.0], abs=1e-5)


def test_the_order_of_the_features_is_the_order_sent_to_the_model(model_file: Path, home: Path) -> None:
    model_id = ModelUpload(params={"model_path": str(model_file)}).process(None, 1).model["model_id"]
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    there, back = (ONNXNode(params={"features": list(names), "model_id": model_id}) for names in ("ab", "ba"))
    assert there.process(frame).data["variable"].tolist() == pytest.approx([9.0])
    assert back.process(frame).data["variable"].tolist() == pytest.approx([8.0])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RtmlError, match=r"none\.onnx' can't be read .*give the path of an ONNX file"):
        ModelUpload(params={"model_path": str(tmp_path / "none.onnx")}).process(None, 1)


def test_split_gives_train_and_test_by_xs(clicks: pd.DataFrame) -> None:
    for size in ({"train_size": 0.7}, {"test_size": 0.3}):
        message = Split(params=size).process(DataMsg(data=clicks))
        train, test = message.data.xs("train"), message.data.xs("test")
        assert (len(train), len(test)) == (70, 30)
        assert sorted([*train.index, *test.index]) == list(clicks.index)


def test_the_documented_training_learns_from_the_training_rows_and_writes_onnx(clicks: pd.DataFrame, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    path = tmp_path / "model.onnx"
    message = Split(params={"train_size": 0.7}).process(DataMsg(data=clicks))
    params = {"model": "sklearn.linear_model.LogisticRegression", "model_params": {"solver": "lbfgs", "C": "0.5"}}
    node = ScikitLearn(
        params={
            "features": ["browser", "device"],
            "label": "payment_confirm",
            "mode": "train",
            "model_path": str(path),
            "params": params,
        }
    )
    found = node.process(message).data
    train = message.data.xs("train")
    alone = LogisticRegression(solver="lbfgs", C=0.5, random_state=0).fit(train[["browser", "device"]], train["payment_confirm"])
    expected = alone.predict_proba(message.data[["browser", "device"]])[:, 1]
    assert found["probability_1"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert path.stat().st_size > 0


def test_a_training_in_mode_test_gives_metrics_of_the_test_rows(clicks: pd.DataFrame, tmp_path: Path) -> None:
    message = Split(params={"train_size": 0.7}).process(DataMsg(data=clicks))
    common = {
        "features": ["browser", "device"],
        "label": "payment_confirm",
        "model_path": str(tmp_path / "model.onnx"),
        "params": {"model": "sklearn.linear_model.LogisticRegression", "model_params": {}},
    }
    ScikitLearn(params={**common, "mode": "train"}).process(message)
    report = ScikitLearn(params={**common, "mode": "test"}).process(message).model
    assert report is not None
    assert report["rows"] == 30
    assert 0 <= report["metrics"]["accuracy"] <= 1


def test_numbers_in_model_params_may_be_texts_as_in_config_properties() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
    params = {"model": "sklearn.ensemble.GradientBoostingClassifier", "model_params": {"n_estimators": "8", "max_depth": "2"}}
    node = ScikitLearn(params={"features": ["x"], "label": "y", "mode": "train", "params": params})
    node.process(frame)
    assert len(node.model().estimators_) == 8


def test_a_lambda_that_can_be_read_is_a_step_and_any_other_callable_is_refused_when_the_node_is_made() -> None:
    node = Pandas(params={"import": "map", "kwargs": {"arg": lambda x: x * 2 + 1}, "cols": "a", "inplace": True})
    assert node.process(pd.DataFrame({"a": [1.0, 2.0]})).data["a"].tolist() == [3.0, 5.0]
    hidden = eval("lambda x: x + 1")
    with pytest.raises(ParamError, match="the source of the lambda"):
        Pandas(params={"import": "map", "kwargs": {"arg": hidden}, "cols": "a"})
    with pytest.raises(ParamError, match="which only 'map' and 'apply' take"):
        Pandas(params={"import": "agg", "kwargs": {"func": np.sum}, "cols": "a"})
