"""Columns of many documents at once are those that reading the documents one by one gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtml_core.errors import InputError, InputProblem
from rtml_core.package import FieldEntry
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.xdm import bulk
from rtml_plugins.xdm.xdm2frame import XDM2Frame, array
from tests.unit.xdm.test_plan import choices, documents


def one_by_one(operator: XDM2Frame, events: list[Any]) -> pd.DataFrame:
    fields = operator.source_fields()
    entries = [FieldEntry.of(field, None) for field in fields]
    values = operator._values(events, entries, [operator._choices[field.name] for field in fields])
    columns = zip(*values, strict=True)
    return pd.DataFrame(
        {field.name: array(field, list(column)) for field, column in zip(fields, columns, strict=True)}, index=range(len(events))
    )


def outcome(read: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, list[InputProblem]]:
    try:
        return read(), []
    except InputError as error:
        return pd.DataFrame(), list(error.problems)


@given(st.lists(documents, min_size=1, max_size=4), st.lists(choices(), min_size=1, max_size=3), st.booleans())
def test_many_at_once_are_as_one_by_one(events: list[Any], chosen: list[Any], as_texts: bool) -> None:
    paths = {f"f{at}": {"path": p, "type": t, "take": k, **more} for at, (p, t, k, more) in enumerate(chosen)}
    operator = XDM2Frame(paths={name: {key: said for key, said in one.items() if said != ""} for name, one in paths.items()})
    made: list[Any] = [json.dumps(event) for event in events] if as_texts else events
    expected, problems = outcome(lambda: one_by_one(operator, made))
    found, found_problems = outcome(lambda: operator.process(made).data)
    assert found_problems == problems
    if not problems:
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_events_that_most_shops_send_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_TOGETHER", 2)
    paths = {
        "page": {"path": "web.page.name", "type": "string?", "categories": ["home", "köln"]},
        "url": {"path": "web.page.url", "type": "string", "default": "none"},
        "price": {"path": "order.total", "type": "float", "min": 0},
        "items": {"path": "items", "take": "count"},
        "sum": {"path": "items[*].price", "take": "sum"},
        "last": {"path": "items[-1].sku", "type": "string?"},
        "most": {"path": "items[*].n", "take": "max", "type": "int?"},
        "when": {"path": "when", "type": "timestamp?"},
        "late": {"path": "whens", "take": "max", "type": "timestamp", "default": "2026-01-01"},
        "new": {"path": "new", "type": "bool?"},
        "deep": {"path": "items[*].tags[*]", "take": "any"},
    }
    events: list[Any] = [
        {"web": {"page": {"name": "home", "url": "/"}}, "order": {"total": 3}, "items": [{"sku": "1", "n": 2.0}], "new": True},
        {"web": None, "order": {"total": 2.5}, "when": "2026-01-31T10:15:00+13:00", "whens": ["2026-02-01", "2026-01-31T10:15Z"]},
        {"web": {"page": {"name": "köln"}}, "order": {"total": 2**53}, "items": [{"price": 0.1}, None, {"price": 2, "n": 2**53}]},
        {"order": {"total": 0.0}, "when": "2026-01-31T10:15+01:00", "items": {"a": {"sku": "x"}}},
        {"order": {"total": 0.0}, "when": "2026-01-31 10:15:00.25", "items": [{"tags": [None, 1]}]},
    ]
    for lot in (events[:3], events[4:], [events[1], events[4]]):
        operator = XDM2Frame(paths=paths)
        expected = one_by_one(operator, lot)
        with monkeypatch.context() as patch:
            patch.delattr(XDM2Frame, "_values")
            pd.testing.assert_frame_equal(operator.process(lot).data, expected, check_exact=True)
            pd.testing.assert_frame_equal(operator.process([json.dumps(one) for one in lot]).data, expected, check_exact=True)
    with pytest.raises(InputError, match=r"/3/items: expected a list, got object"):
        XDM2Frame(paths=paths).process(events)


class _Text(str):
    """A text of another class, which JSON does not have."""


@pytest.mark.parametrize("type", ["string?", "timestamp?"])
def test_texts_of_other_classes_are_no_texts(type: str) -> None:
    operator = XDM2Frame(paths={"a": {"type": type}})
    for odd in (_Text("2026-01-31"), np.str_("2026-01-31")):
        with pytest.raises(InputError, match="/1/a: expected"):
            operator.process([{"a": "2026-01-31"}, {"a": odd}])


_parts = st.tuples(
    st.sampled_from(["2026-01-31", "0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "2026-1-31", ""]),
    st.sampled_from(["T10:15:00", " 00:00:59", "T24:00:00", "T10:15", "", "T10:15:60", "t10:15:00"]),
    st.sampled_from(["Z", "", "+13:00", "-23:59", "+0100", ".5", ".123456789Z", ".25-05:00", "+24:00", "z", ".", "\u0660"]),
)


@given(st.lists(_parts.map("".join) | st.text(max_size=3), max_size=4))
@example(["2026-01-31T10:15+13:00"])
def test_moments_are_what_the_grammar_says(texts: list[str]) -> None:
    expected = [parse_timestamp(text) for text in texts]
    if None in expected:
        with pytest.raises(ValueError, match="no timestamp"):
            bulk.Moments().of(texts)
    else:
        assert bulk.Moments().of([*texts, None]) == [*expected, None]
