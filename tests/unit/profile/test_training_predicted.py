"""Training frames from the log of predictions."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_plugins.profile.history import HistoryError, prediction_of
from rtml_plugins.profile.labels import Label
from rtml_plugins.profile.predicted import training_frame_from_predictions
from rtml_plugins.profile.training import TrainingError
from rtml_plugins.serving.predictions import Prediction
from tests.unit.profile.readers import SECOND, event

DAY = 86_400 * SECOND


def predicted(id: str, at: int, who: str | None, **more: Any) -> Prediction:
    identity = {"ECID": [{"id": who}]} if who is not None else {}
    given: dict[str, Any] = {"values": {"amount": 1.0}, "outputs": {"score": 0.5}, **more}
    return Prediction(id=id, at=at, service="churn", version=2, identity=identity, **given)


def test_values_and_answers_are_as_they_were() -> None:
    log = [
        predicted("q1", DAY, "a", values={"amount": 1.5, "tier": None}, event="e9"),
        predicted("q2", 2 * DAY, "b", values={"amount": 2.5, "predicted_at": "a field of the model"}),
    ]
    frame = training_frame_from_predictions(log).frame
    assert frame["amount"].tolist() == [1.5, 2.5]
    assert frame["predicted.score"].tolist() == [0.5, 0.5]
    assert frame["event_id"].isna().tolist() == [False, True]
    assert frame["predicted_at"].tolist()[1] == "a field of the model"
    assert frame["predicted_at_"].tolist() == [pd.Timestamp(DAY, unit="us"), pd.Timestamp(2 * DAY, unit="us")]
    assert frame["service_version"].tolist() == [2, 2]


def test_labels_from_events_of_the_person() -> None:
    log = [predicted("q1", DAY, "a"), predicted("q2", DAY, "b"), predicted("q3", DAY, None), predicted("q4", 9 * DAY, "a")]
    events = [event(1, 2 * DAY, {"CRM": "1"}, "buy"), event(2, 9 * DAY, {"ECID": "b"})]
    linked = {"crm:1": "person", "ecid:a": "person"}
    made = training_frame_from_predictions(
        log, labels=[Label.parse("eventType=buy", "7d")], events=events, owners=lambda keys: [linked.get(key) for key in keys]
    )
    assert made.frame["prediction_id"].tolist() == ["q1", "q2", "q3"]
    assert made.frame["label"].tolist() == [True, False, False]
    assert (made.open, made.records) == (1, 2)
    strangers = training_frame_from_predictions(log, labels=[Label.parse("eventType=buy", "7d")], events=events)
    assert strangers.frame["label"].tolist() == [False, False, False]


def test_labels_by_id() -> None:
    log = [predicted("q1", DAY, "a"), predicted("q2", DAY, "b")]
    made = training_frame_from_predictions(log, labels=pd.DataFrame({"id": ["q2", "q9"], "bought": [1, 0]}), on="id")
    assert made.frame[["prediction_id", "bought"]].to_numpy().tolist() == [["q2", 1]]
    assert made.open == 1


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (pd.DataFrame({"x": [1]}), "the labels have no column 'prediction_id'"),
        (pd.DataFrame({"prediction_id": ["q1", "q1"]}), "the labels have 'q1' twice"),
        (pd.DataFrame({"prediction_id": ["q1"], "amount": [1]}), "both have columns amount"),
        ([Label.parse("a=b", "1d", name="amount")], "the predictions have columns amount already"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(TrainingError) as refused:
        training_frame_from_predictions([predicted("q1", DAY, "a")], labels=labels)
    assert said in str(refused.value)


def test_records_that_are_no_predictions() -> None:
    assert prediction_of({"eventType": "view"}, 1) is None
    assert prediction_of({"_rtml": {"prediction": {}}}, 1) is None
    with pytest.raises(HistoryError, match="has no 'service'"):
        prediction_of({"_id": "p", "_rtml": {"prediction": {"request": "q"}}}, 1)
