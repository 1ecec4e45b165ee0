"""Two versions side by side, without pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_plugins.hub.gallery import comparing
from rtml_plugins.hub.gallery.comparing import Comparison, compare, direction, figure, verdict
from tests.unit.hub.gallery.drawn import manifest
from tests.unit.hub.gallery.site import Site


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("auc", 1),
        ("ROC AUC", 1),
        ("test_auc", 1),
        ("f1-val", 1),
        ("log_loss", -1),
        ("holdout_rmse", -1),
        ("brier", -1),
        ("rows", 0),
        ("loss_of_customers", 0),
        ("auc_rank", 0),
        ("", 0),
        ("test", 0),
        ("profit", 0),
    ],
)
def test_what_is_better_is_never_guessed(metric: str, more: int) -> None:
    assert direction(metric) == more


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.825, "0.825"), (23570.0, "23,570"), (float("nan"), "nan"), (-0.0, "-0")]
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


def compared(gallery: Site, monkeypatch: pytest.MonkeyPatch, old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """The two versions of "churn", as if their manifests said these things."""
    after, before = gallery.hub.get("churn").versions
    says = {before.package: manifest(**old), after.package: manifest(**new)}
    monkeypatch.setattr(comparing.known, "manifest", lambda _, package: says[package])
    return compare(gallery.app.state.context, before, after)


def test_the_better_figure_is_marked_where_it_is_known(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"auc": 0.8, "log_loss": 0.5, "profit": 10.0, "f1": 0.4}
    new = {"auc": 0.82, "log_loss": 0.6, "profit": 12.0, "brier": 0.1, "f1": 0.4}
    found = compared(gallery, monkeypatch, {"metrics": old}, {"metrics": new})
    assert [(line.name, line.before, line.after, line.better) for line in found.metrics] == [
        ("auc", "0.8", "0.82", "after"),
        ("log_loss", "0.5", "0.6", "before"),
        ("profit", "10", "12", ""),
        ("f1", "0.4", "0.4", ""),
        ("brier", "-", "0.1", ""),
    ]


def column(name: str, middle: float, missing: int = 0) -> ColumnBaseline:
    quantiles = tuple(middle + step for step in (-5.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0))
    return ColumnBaseline(name, "number", missing, (100 - missing,), quantiles=quantiles)


def plans(*shares: int) -> ColumnBaseline:
    return ColumnBaseline("plan", "category", 0, (*shares, 100 - sum(shares)), values=("basic", "plus"))


def test_training_rows_that_moved_are_told(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    when = ColumnBaseline("at", "time", 0, (1,), quantiles=(0.0,) * 7)
    old = BaselineEntry(100, (column("age", 40), column("km", 5), plans(50, 30), when, column("gone", 1)), (column("p", 0),))
    new = BaselineEntry(
        100,
        (
            column("age", 40.5, missing=20),
            column("km", 9),
            plans(20, 30),
            msgspec.structs.replace(when, quantiles=(86400.0,) * 7),
        ),
        (column("p", 0),),
    )
    found = compared(gallery, monkeypatch, {"baseline": old}, {"baseline": new})
    assert found.data == [
        "field age: 0 % were missing, 20 % are",
        "field km: half of the values were below 5, are below 9",
        "field plan: 50 % were 'basic', 20 % are",
        "field at: half of the values were below 1970-01-01 00:00, are below 1970-01-02 00:00",
    ]
    assert compared(gallery, monkeypatch, {"baseline": old}, {"baseline": old}).data == []
    assert compared(gallery, monkeypatch, {"baseline": old}, {}).data is None


def test_a_real_pair(gallery: Site) -> None:
    after, before = gallery.hub.get("churn").versions
    found = compare(gallery.app.state.context, before, after)
    lines = {line.name: line for line in found.facts}
    assert lines["Runs"].before == "portable"
    assert lines["Compiled by"].same
    assert found.data == []
    assert verdict(found) == "Fields and outputs are the same."
    assert verdict(replace(found, signature=[msgspec.structs.replace(one) for one in found.signature])) == verdict(found)


def test_the_graphs_of_a_real_pair_differ_where_they_were_changed(gallery: Site) -> None:
    after, before = gallery.hub.get("churn").versions
    found = comparing.graphs(gallery.app.state.context, before, after)
    assert {change.step.id: change.kind for change in found.changes} == {"pandas_2": "changed", "scikit_learn": "learned"}
    assert found.changes[0].texts == ["kwargs.value: was 40.0, is 45.0"]
    assert comparing.graphs(gallery.app.state.context, before, after) is found
