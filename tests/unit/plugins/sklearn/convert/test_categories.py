"""One-hot and ordinal encoders."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, texts, three, two, value

ONE_HOT: list[dict[str, Any]] = [
    {},
    {"handle_unknown": "ignore"},
    {"handle_unknown": "ignore", "drop": "first"},
    {"drop": "if_binary"},
    {"handle_unknown": "infrequent_if_exist", "min_frequency": 20},
    {"handle_unknown": "infrequent_if_exist", "max_categories": 3, "drop": "first"},
    {"min_frequency": 0.1},
    {"handle_unknown": "warn", "max_categories": 3},
    {"handle_unknown": "ignore", "sparse_output": False},
]
ORDINAL: list[dict[str, Any]] = [
    {},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1},
    {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -5},
    {"handle_unknown": "use_encoded_value", "unknown_value": -1, "min_frequency": 20},
]


def others() -> pd.DataFrame:
    return pd.DataFrame({"g": ["M", "", "nan"], "brand": ["H", "a", "A "], "ü": ["SS", "é", "e\u0301"]})


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("options", ONE_HOT)
def test_one_hot_of_strings(options: dict[str, Any], missing: bool) -> None:
    made = agree(OneHotEncoder(**options), texts(missing=missing), rows=others(), exact=True)
    assert bool(made.checks) == ("handle_unknown" not in options)


@pytest.mark.parametrize("options", ONE_HOT)
def test_one_hot_of_numbers(options: dict[str, Any]) -> None:
    frame = pd.DataFrame({"b": numbers()["b"], "z": numbers(missing=True)["a"].round(0), "f": numbers()["a"] > 0})
    agree(OneHotEncoder(**options), frame, exact=True)


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("options", ORDINAL)
def test_ordinal(options: dict[str, Any], missing: bool) -> None:
    agree(OrdinalEncoder(**options), texts(missing=missing), rows=others(), exact=True)


def test_any_number_of_columns_is_a_handful_of_nodes() -> None:
    frame = pd.concat([texts(seed=s).add_suffix(str(s)) for s in range(4)], axis=1)
    made = agree(OneHotEncoder(handle_unknown="ignore"), frame, exact=True)
    # Concat of twelve inputs, LabelEncoder, TreeEnsemble, Split into outputs
    assert made.nodes == 4


def test_filling_and_encoding_is_one_lookup() -> None:
    frame = texts(missing=True)
    both = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    assert agree(both, frame, exact=True).nodes == 4


def test_strings_and_numbers_together() -> None:
    frame = pd.concat([texts(missing=True), numbers(missing=True)[["b"]]], axis=1)
    agree(OneHotEncoder(handle_unknown="ignore"), frame, exact=True)
    agree(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), frame, exact=True)


def test_the_message_of_an_unknown_category_names_the_column() -> None:
    made = agree(OneHotEncoder(), texts()[["brand"]], rows=others()[["brand"]], exact=True)
    assert made.checks == (
        "a category that was not seen in training in column 'brand'; encode with handle_unknown='ignore' to let it pass",
    )


def test_numbers_that_float64_can_not_tell_apart_are_refused() -> None:
    frame = pd.DataFrame({"id": np.arange(10) + 2**53})
    with pytest.raises(NotLowerableError, match=r"column 'id': the category 9007199254740992 reaches 2\^53"):
        agree(OneHotEncoder(), frame)
    with pytest.raises(NotLowerableError, match="drops every category"):
        agree(OneHotEncoder(drop="first"), pd.DataFrame({"a": ["x"] * 5}))


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("target", [two, three, value])
def test_means_of_the_target(target: Any, missing: bool) -> None:
    y = target(numbers())
    made = agree(TargetEncoder(random_state=0, cv=2), texts(missing=missing), y, rows=others(), exact=True)
    assert made.nodes <= 6
    agree(TargetEncoder(random_state=0, cv=2, smooth=3.0), numbers(missing=missing)[["b", "k"]], y, exact=True)
