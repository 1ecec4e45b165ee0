"""The operators that ship keep the contract that `rtml plugins check` holds a stranger's to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from rtml_core import Operator
from rtml_core import operators as op
from rtml_core.cli.plugin_check_contract import Trial
from rtml_core.testing import frame


def rows() -> pd.DataFrame:
    """Rows with the edge values of each dtype, and a label of two classes."""
    made = frame(brand="string?", word="string", age="float?", visits="int", seen="timestamp?", member="bool?", rows=60, seed=3)
    return made.assign(bought=np.arange(len(made)) % 2)


def doubled(visits: int) -> int:
    return visits * 2 if 3 < visits < 1000 else 0


def learned(name: str, **params: Any) -> Callable[[pd.DataFrame], Operator]:
    """An operator that has learned from the rows."""
    return lambda train: getattr(op, name)(**params).fit(train)


def plain(name: str, **params: Any) -> Callable[[pd.DataFrame], Operator]:
    """An operator that needs no training."""
    return lambda train: getattr(op, name)(**params)


OPERATORS = {
    "OneHotEncoder": learned("OneHotEncoder", cols="brand"),
    "FillMissing": learned("FillMissing", cols=["age"], strategy="median"),
    "GroupRare": learned("GroupRare", cols="brand", top=3),
    "QuantileBins": learned("QuantileBins", cols="age", bins=4),
    "OrdinalEncoder": learned("OrdinalEncoder", cols="brand"),
    "TargetEncoder": learned("TargetEncoder", cols="brand", label="bought"),
    "FrequencyEncoder": learned("FrequencyEncoder", cols="brand"),
    "Scaler": learned("Scaler", cols="visits"),
    "TextNormalize": plain("TextNormalize", cols="brand"),
    "RegexExtract": plain("RegexExtract", column="brand", pattern="([a-z]+)", into=["letters"]),
    "RegexReplace": plain("RegexReplace", cols="brand", pattern="[0-9]+", replacement="#"),
    "TextJoin": plain("TextJoin", cols=["brand", "word"], into="both"),
    "TextSplit": plain("TextSplit", column="brand", separator=",", into=["first", "second"]),
    "TextHash": plain("TextHash", cols="brand", buckets=16),
    "TfIdf": learned("TfIdf", column="word"),
    "FieldOps": plain("FieldOps", ops=[{"set": "ratio", "to": "age / visits"}]),
    "FieldTrans": plain("FieldTrans", rename={"age": "years"}),
    "NumpyArrays": plain("NumpyArrays", function="log1p", cols="age"),
    "Pandas fillna": plain("Pandas", params={"import": "fillna", "cols": "age", "kwargs": {"value": 1.0}}),
    "Pandas dt.hour": plain("Pandas", params={"import": "dt.hour", "cols": "seen", "into": "hour"}),
    "Pandas str.lower": plain("Pandas", params={"import": "str.lower", "cols": "brand"}),
    "Pandas str.title": plain("Pandas", params={"import": "str.title", "cols": "brand"}),
    "Function": plain("Function", function=doubled, into="more"),
    "ScikitLearn": learned("ScikitLearn", model=LogisticRegression(), label="bought", features=["member_of"]),
}


@pytest.mark.parametrize("made", [pytest.param(make, id=name) for name, make in OPERATORS.items()])
def test_an_operator_keeps_the_contract(made: Callable[[pd.DataFrame], Operator], monkeypatch: pytest.MonkeyPatch) -> None:
    train = rows().assign(member_of=lambda seen: seen["visits"].clip(-9, 9).astype(float))
    operator = made(train)
    own = operator.parity_cases()
    cases = train.head(30) if own is None else own
    monkeypatch.setattr(operator, "parity_cases", lambda: cases)
    trial = Trial(operator, ())
    assert [finding.text for finding in trial.findings()] == []
    assert trial.counted["parity cases"] == len(cases) > 0
