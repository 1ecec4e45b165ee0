"""The standard pipeline authored in rtml."""

from __future__ import annotations

from rtml_core import Graph
from rtml_core import operators as op
from tests.benchmarks.baseline import classifier, feature_names
from tests.benchmarks.data import AGE_EDGES, AGE_NAMES, OTHERS, TEXTS, VOCABULARIES

SCHEMA = {
    "age": "float?",
    "km": "float",
    "quote": "float",
    "seen_at": "timestamp",
    **dict.fromkeys(TEXTS, "string?"),
}
#: output column -> what of the model's answer it is
ANSWER = {"propensity": "probability[1]"}


def graph(trees: int = 80) -> Graph:
    """The unfitted graph: raw rows (see data.rows) and the column `bought` in, the column `propensity` out."""
    texts = list(TEXTS)
    authored = (
        op.Receiver(schema=SCHEMA)
        >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
        >> op.Pandas(import_="dt.day_of_week", cols="seen_at", into="weekday")
        >> op.FillMissing(cols="age", strategy="median")
        >> op.Pandas(import_="cut", cols="age", into="age_bucket", kwargs={"bins": list(AGE_EDGES), "labels": list(AGE_NAMES)})
        >> op.Pandas(import_="str.upper", cols=texts, inplace=True)
    )
    for name, words in VOCABULARIES.items():
        authored = authored >> op.Pandas(import_="map", cols=name, kwargs={"func": {word: word for word in words}}, inplace=True)
    vocabularies = {name: [*words, OTHERS] for name, words in VOCABULARIES.items()}
    authored = (
        authored
        >> op.Pandas(import_="fillna", cols=texts, kwargs={"value": OTHERS}, inplace=True)
        >> op.OneHotEncoder(cols=["age_bucket", *texts], categories={"age_bucket": list(AGE_NAMES), **vocabularies})
        >> op.ScikitLearn(model=classifier(trees), features=feature_names(), label="bought", outputs=ANSWER)
    )
    authored.outputs = {name: name for name in ANSWER}
    return authored
