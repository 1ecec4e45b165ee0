"""Training frames from the log of predictions: the very values that a model saw, with what became of it."""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.boundary import Parts
from rtml_core.errors import InputError, describe, listing
from rtml_plugins.profile.boundary import keys_of
from rtml_plugins.profile.labels import Label, Labelled
from rtml_plugins.profile.linking import Rules
from rtml_plugins.profile.records import Record
from rtml_plugins.profile.training import Training, TrainingError
from rtml_plugins.serving.predictions import Prediction

if TYPE_CHECKING:
    import pandas as pd

#: columns beside the values; one that a field of the model has as its name gets a "_" behind it
ABOUT: Final = ("prediction_id", "predicted_at", "identityMap", "service_version", "event_id")
OUTPUT: Final = "predicted."

Owners = Callable[[Sequence[str]], Sequence[str | None]]


def training_frame_from_predictions(
    predictions: Iterable[Prediction],
    *,
    labels: Sequence[Label] | pd.DataFrame = (),
    on: str = "prediction_id",
    events: Iterable[Record] = (),
    owners: Owners | None = None,
    rules: Rules | None = None,
    until_us: int | None = None,
) -> Training:
    """A row for each prediction: the values that the model saw, what it answered as predicted.<output>, and labels.

    labels: what the person did afterwards, from `events` (in any order; owners: who owns identities, as ProfileStore.owners;
    rules: of linking; until_us: up to when events are complete), or a frame whose column `on` holds ids of predictions: its other
    columns are joined, and predictions without a row are left out, as open. Raises TrainingError.
    """
    import pandas as pd

    started = clocks.perf_counter()
    kept = list(predictions)
    frame, about = _frame(kept)
    if isinstance(labels, pd.DataFrame):
        found = _joined(frame, labels, about["prediction_id"], on)
        return Training(found, 0, len(frame) - len(found), {}, 0, clocks.perf_counter() - started)
    labelled = Labelled(labels, rules)
    seen = 0
    for record in events:
        labelled.see(record)
        seen += 1
    if until_us is not None:
        labelled.until(until_us)
    rows = [(_keys(prediction), prediction.at) for prediction in kept]
    columns, over = labelled.columns(rows, owners or (lambda keys: [None] * len(keys)))
    taken = [name for name in columns if name in frame.columns]
    if taken:
        raise TrainingError(f"the predictions have columns {listing(taken)} already: give the label another name")
    found = frame.assign(**columns)[over]
    return Training(found.reset_index(drop=True), 0, len(frame) - len(found), {}, seen, clocks.perf_counter() - started)


def _keys(prediction: Prediction) -> tuple[str, ...]:
    if not prediction.identity:
        return ()
    try:
        return keys_of(Parts(msgspec.json.encode(prediction.identity)))
    except InputError as error:
        raise TrainingError(f"the prediction {describe(prediction.id)} has an identity that is none: {error}") from None


def _frame(predictions: Sequence[Prediction]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The predictions as rows, and the names of the columns about them."""
    import pandas as pd

    fields = dict.fromkeys(name for prediction in predictions for name in prediction.values)
    outputs = dict.fromkeys(name for prediction in predictions for name in prediction.outputs)
    about: dict[str, str] = {}
    for name in ABOUT:
        column = name
        while column in fields:
            column += "_"
        about[name] = column
    columns: dict[str, Any] = {
        about["prediction_id"]: [one.id for one in predictions],
        about["predicted_at"]: pd.to_datetime([one.at for one in predictions], unit="us").astype("datetime64[us]"),
        about["identityMap"]: [msgspec.json.encode(one.identity).decode() for one in predictions],
        about["service_version"]: [one.version for one in predictions],
        about["event_id"]: [one.event or None for one in predictions],
    }
    columns |= {name: [one.values.get(name) for one in predictions] for name in fields}
    columns |= {f"{OUTPUT}{name}": [one.outputs.get(name) for one in predictions] for name in outputs}
    return pd.DataFrame(columns), about


def _joined(frame: pd.DataFrame, labels: pd.DataFrame, id: str, on: str) -> pd.DataFrame:
    if on not in labels.columns:
        raise TrainingError(
            f"the labels have no column '{on}' of ids of predictions; they have {listing(map(str, labels.columns))}"
        )
    twice = labels[on][labels[on].duplicated()]
    if len(twice):
        raise TrainingError(f"the labels have {describe(twice.iloc[0])} twice in column '{on}': a prediction has one row")
    clash = [name for name in labels.columns if name != on and name in frame.columns]
    if clash:
        raise TrainingError(f"the labels and the predictions both have columns {listing(clash)}: rename those of the labels")
    joined = frame.merge(labels.rename(columns={on: id}), on=id, how="inner")
    return joined
