"""Seeded rows of the standard pipeline: visitors who ask for a car insurance quote.

Nothing here is real; the shares of missing, oddly spelled and unknown values are of the kind that web forms give.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

GENDERS: Final = ("FEMALE", "MALE")
BRANDS: Final = ("VW", "BMW", "AUDI", "FORD", "OPEL", "TOYOTA")
TYPES: Final = ("SUV", "VAN", "SEDAN", "COUPE", "ESTATE", "COMPACT")
COUNTRIES: Final = ("DE", "FR", "IT", "ES", "US", "CH")
#: what each text column keeps; every other value, and a missing one, becomes OTHERS
VOCABULARIES: Final = {"gender": GENDERS, "brand": BRANDS, "car_type": TYPES, "country": COUNTRIES}
OTHERS: Final = "OTHERS"
_UNKNOWN: Final = {
    "gender": ("diverse", "prefer not to say"),
    "brand": ("Lada", "Tatra", "DeLorean", "\u0160koda", "Citro\u00ebn"),
    "car_type": ("tractor", "hearse", "pick-up"),
    "country": ("LI", "San Marino", "\u00c5land", "np"),
}
TEXTS: Final = tuple(VOCABULARIES)
NUMBERS: Final = ("age", "km", "quote")
#: right-closed edges of the age buckets, in years; the names of the buckets
AGE_EDGES: Final = (0.0, 25.0, 35.0, 50.0, 65.0, 120.0)
AGE_NAMES: Final = ("UP TO 25", "UP TO 35", "UP TO 50", "UP TO 65", "OLDER")
_START: Final = np.datetime64("2024-01-01T00:00:00", "s")


def rows(count: int, seed: int) -> pd.DataFrame:
    """`count` raw rows: age (years, 8 % missing), km a year, quote (EUR), seen_at (ISO 8601 text, UTC), four text columns."""
    random = np.random.default_rng(seed)
    frame: dict[str, Any] = {
        "age": np.where(random.random(count) < 0.08, np.nan, np.floor(random.uniform(18, 92, count))),
        "km": np.round(random.lognormal(9.4, 0.7, count), 1),
        "quote": np.round(random.gamma(4.0, 140.0, count), 2),
        "seen_at": [f"{moment}Z" for moment in _START + random.integers(0, 2 * 365 * 86_400, count)],
    }
    for name, known in VOCABULARIES.items():
        frame[name] = _texts(random, count, known, _UNKNOWN[name])
    return pd.DataFrame(frame)


def _texts(random: np.random.Generator, count: int, known: tuple[str, ...], unknown: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Known words in three spellings, one in ten unknown, one in sixteen missing (None)."""
    spellings = np.array([spell(word) for word in known for spell in (str.upper, str.lower, str.title)], dtype=object)
    values = spellings[random.integers(0, len(spellings), count)]
    strangers = np.array(unknown, dtype=object)[random.integers(0, len(unknown), count)]
    values = np.where(random.random(count) < 0.1, strangers, values)
    values[random.random(count) < 0.0625] = None
    return values


def bought(frame: pd.DataFrame, seed: int) -> np.ndarray[Any, Any]:
    """Whether each visitor bought (0 or 1): depends on most columns, with noise, so that trees have something to find."""
    random = np.random.default_rng(seed)
    text = {name: frame[name].fillna("").str.upper() for name in TEXTS}
    hour = pd.to_datetime(frame["seen_at"]).dt.hour.to_numpy()
    weekend = pd.to_datetime(frame["seen_at"]).dt.day_of_week.to_numpy() >= 5
    score = (
        1.4
        - 0.0035 * frame["quote"]
        + 0.02 * (frame["age"].fillna(45) - 45)
        - 0.8 * np.log(frame["km"] / 12_000)
        + 0.7 * np.sin(hour / 24 * 2 * np.pi)
        + 0.5 * weekend
        + text["brand"].map({"BMW": 0.9, "VW": -0.4, "AUDI": 0.6, "TOYOTA": -0.5}).fillna(0.0)
        + text["car_type"].map({"SUV": 0.5, "COUPE": 0.8, "ESTATE": -0.6}).fillna(0.0) * (frame["age"].fillna(45) < 40)
        + text["country"].map({"DE": 0.3, "US": -0.7, "CH": 0.5}).fillna(0.0)
        + 0.3 * (text["gender"] == "FEMALE")
    )
    return (random.random(len(frame)) < 1 / (1 + np.exp(-score.to_numpy()))).astype(np.int64)
