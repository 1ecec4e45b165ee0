"""Training frames by replay: what serving would have read at each moment, and nothing that came later."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.boundary import Parts
from rtml_core.errors import ColumnError
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.profile.boundary import wanted
from rtml_plugins.profile.labels import Label, LabelError
from rtml_plugins.profile.linking import Linking
from rtml_plugins.profile.local import LocalProfiles
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.reader import ProfileReader
from rtml_plugins.profile.records import Record
from rtml_plugins.profile.rows import CellError
from rtml_plugins.profile.training import TrainingError, training_frame
from rtml_plugins.serving.consent import ConsentRefused
from rtml_plugins.xdm.xdm2frame import XDM2Frame
from tests.unit.profile.readers import SECOND, event, reader, statement

NAMES = ["tier", "age", "views", "spent", "silence", "last_page"]
#: a moment every 20 minutes: windows of an hour fill and empty
STEP = 1200 * SECOND

moments = st.integers(0, 12)
visitors = st.sampled_from(
    [
        {"ECID": "a"},
        {"ECID": "b"},
        {"Email": "m"},
        {"ECID": "a", "Email": "m"},
        {"ECID": "b", "Email": "m"},
        {"CRM": "1", "ECID": "b"},
    ]
)
told = st.one_of(
    st.tuples(
        st.just("event"),
        moments,
        visitors,
        st.sampled_from(["view", "buy"]),
        st.integers(-2, 1),  # steps by which it happened before it was taken, or after
        st.sampled_from([19.99, 0.1, 5]),
    ),
    st.tuples(st.just("record"), moments, visitors, st.sampled_from(["gold", "silver", "tin"]), st.booleans()),
)
histories = st.lists(told, max_size=25)
spines = st.lists(st.tuples(moments, st.sampled_from(["a", "b", "new"])), min_size=1, max_size=6)


def history(given: list[Any]) -> list[Record]:
    records = []
    for number, one in enumerate(given):
        if one[0] == "event":
            _, taken, visitor, kind, before, price = one
            at = (taken + before) * STEP
            records.append(event(number, at, visitor, kind, taken=taken * STEP, order={"price": price}, page=f"page {number}"))
        else:
            _, taken, visitor, tier, refuses = one
            said: dict[str, Any] = {"loyalty": {"tier": tier}}
            if refuses:
                said["consents"] = {"personalize": {"content": {"val": "n"}}}
            records.append(statement(number, taken * STEP, visitor, **said))
    return sorted(records, key=lambda record: record.ingested_us)


def frame_of(given: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": pd.to_datetime([at * STEP for at, _ in given], unit="us"),
            "visitor": [who for _, who in given],
            "row": range(len(given)),
        }
    )


def made(records: list[Record], spine: pd.DataFrame, **more: Any) -> dict[int, tuple[Any, ...]]:
    """What each row that is there has, by its number."""
    frame = training_frame(records, spine, reader(), identity={"ECID": "visitor"}, **more).frame
    return {
        row: tuple(values)
        for row, *values in frame[["row", *NAMES]].astype(object).where(frame.notna(), None).itertuples(index=False)
    }


def served(records: list[Record], moment: int, visitor: str) -> tuple[Any, ...] | None:
    """What serving reads at a moment when all that was taken before it was applied; None when it refuses."""
    node = reader()
    profiles = Profiles(MemoryStore())
    profiles.aggregates.add(*wanted(node.boundary())[1])
    profiles.apply([record for record in records if record.ingested_us < moment])
    try:
        return tuple(node.source(LocalProfiles(profiles)).values(Parts(f'{{"ECID": "{visitor}"}}'.encode()), moment))
    except ConsentRefused:
        return None


# ---- the properties -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(histories, spines)
def test_a_row_is_what_serving_reads_at_its_moment(given: list[Any], rows: list[Any]) -> None:
    records = history(given)
    expected = {row: served(records, at * STEP, who) for row, (at, who) in enumerate(rows)}
    assert made(records, frame_of(rows)) == {row: values for row, values in expected.items() if values is not None}


@settings(max_examples=15)
@given(histories, histories, spines)
def test_nothing_that_comes_later_reaches_a_row(given: list[Any], other: list[Any], rows: list[Any]) -> None:
    """Whatever is taken at or after a row's moment may be dropped, or be something else: links, consent, late events too."""
    records, others, spine = history(given), history(other), frame_of(rows)
    full = made(records, spine)
    for row, (at, _) in enumerate(rows):
        before = [record for record in records if record.ingested_us < at * STEP]
        after = [record for record in others if record.ingested_us >= at * STEP]
        one = spine[spine["row"] == row]
        assert made(before, one).get(row) == made(before + after, one).get(row) == full.get(row)


def test_an_identity_link_that_is_learnt_later_does_not_leak() -> None:
    records = [
        event(1, 1 * STEP, {"CRM": "1"}, "buy", order={"price": 10}),
        event(2, 2 * STEP, {"ECID": "a"}),
        event(3, 4 * STEP, {"ECID": "a", "CRM": "1"}),
    ]
    rows = made(records, frame_of([(3, "a"), (4, "a"), (5, "a")]))
    assert [rows[row][NAMES.index("spent")] for row in range(3)] == [0.0, 0.0, 10.0]


def test_ties_and_lag() -> None:
    records = [event(1, 1 * STEP, {"ECID": "a"}), event(2, 2 * STEP, {"ECID": "a"})]
    at = NAMES.index("last_page")
    records = [record._replace(document={**record.document, "page": record.id}) for record in records]
    spine = frame_of([(1, "a"), (2, "a"), (3, "a")])

    def pages(**more: Any) -> list[Any]:
        return [values[at] for values in made(records, spine, **more).values()]

    assert pages() == [None, "e1", "e2"]
    assert pages(include_now=True) == ["e1", "e2", "e2"]
    assert pages(lag_us=STEP) == [None, None, "e1"]
    assert pages(lag_us=STEP, include_now=True) == [None, "e1", "e2"]


# ---- the frame ----------------------------------------------------------------------------------------------------------


def test_the_frame_has_the_spine_the_values_and_their_types() -> None:
    spine = pd.DataFrame(
        {"when": ["1970-01-01T02:00:00Z", "1970-01-01 01:00"], "visitor": ["a", "b"], "amount": [1, 2]}, index=[7, 3]
    )
    training = training_frame([event(1, 0, {"ECID": "a"})], spine, reader(), time="when", identity={"ECID": "visitor"})
    frame = training.frame
    assert [*frame.columns] == ["when", "visitor", "amount", *NAMES]
    assert [*frame.index] == [7, 3]
    assert (str(frame["views"].dtype), str(frame["spent"].dtype)) == ("int64", "float64")
    assert (training.refused, training.open, training.records, training.counts["missing"]) == (0, 0, 1, 1)


def test_rows_that_serving_refuses_are_left_out_and_counted() -> None:
    records = [statement(1, 0, {"ECID": "a"}, consents={"personalize": {"content": {"val": "n"}}})]
    spine = pd.DataFrame({"time": pd.to_datetime([STEP] * 3, unit="us"), "identityMap": [{"ECID": "a"}, {"ECID": "b"}, None]})
    training = training_frame(records, spine, reader())
    assert training.refused == 2
    assert training.frame["identityMap"].tolist() == ['{"ECID":"b"}']
    assert len(training_frame(records, spine, reader(anonymous="defaults")).frame) == 2


def test_a_graph_with_events_reads_both() -> None:
    graph = XDM2Frame(paths={"kind": {"path": "eventType", "type": "string?"}}) >> reader()
    records = [event(number, number * STEP, {"ECID": "a"}, "buy", order={"price": 1}) for number in (1, 2)]
    spine = pd.DataFrame(
        {
            "time": pd.to_datetime([record.ingested_us for record in records], unit="us"),
            "event": [record.document for record in records],
        }
    )
    frame = training_frame(records, spine, graph).frame
    assert [*frame.columns] == ["time", "kind", *NAMES]
    assert frame["kind"].tolist() == ["buy", "buy"]
    assert frame["spent"].tolist() == [0.0, 1.0]
    pd.testing.assert_frame_equal(graph.run(frame)[NAMES], frame[NAMES])


def test_rules_of_linking_are_those_of_the_profiles() -> None:
    like = Profiles(MemoryStore())
    like.linking.set(Linking(priority=("CRM", "ECID"), unique=("CRM",)))
    shared = [event(number, number * STEP, {"ECID": "a", "CRM": str(number)}, "buy", order={"price": 1}) for number in (1, 2)]
    spine = frame_of([(9, "a")])
    place = NAMES.index("spent")
    assert made(shared, spine)[0][place] == 2.0
    assert made(shared, spine, like=like)[0][place] == 1.0


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    made([event(1, 0, {"ECID": "a"})], frame_of([(1, "a")]), progress=lambda records, rows: seen.append((records, rows)))
    assert seen == [(1, 1)]


# ---- labels -------------------------------------------------------------------------------------------------------------


def test_labels_look_ahead_and_rows_whose_time_is_not_over_are_left_out() -> None:
    records = [
        event(1, 1 * STEP, {"ECID": "a"}),
        event(2, 2 * STEP, {"Email": "m"}, "buy", order={"price": 0.1}),
        event(3, 3 * STEP, {"ECID": "a", "Email": "m"}, "buy", order={"price": 0.2}),
        event(4, 5 * STEP, {"ECID": "b"}),
    ]
    labels = [Label.parse("eventType=buy", "40m"), Label.parse({"sum": "order.price"}, "40m", name="value")]
    spine = frame_of([(1, "a"), (2, "a"), (3, "a"), (3, "b"), (4, "a")])
    training = training_frame(records, spine, reader(), identity={"ECID": "visitor"}, labels=labels)
    assert training.open == 1
    # what was bought by mail is the visitor's, who was linked later; an event at the moment itself does not count
    assert training.frame["label"].tolist() == [True, True, False, False]
    assert training.frame["value"].tolist() == [0.1 + 0.2, 0.2, 0.0, 0.0]
    later = training_frame(records, spine, reader(), identity={"ECID": "visitor"}, labels=labels, until_us=6 * STEP)
    assert later.open == 0
    assert "label" not in later.frame.columns[:-2]


@pytest.mark.parametrize(
    ("given", "within", "said"),
    [
        ("buy", "1d", "a label must be PATH=VALUE"),
        ("=buy", "1d", "a label must be PATH=VALUE"),
        ("eventType=buy", "soon", "within: it must be a number and a unit"),
        ({"count": {}, "window": "1d"}, "1d", 'a label has no "window"'),
    ],
    ids=str,
)
def test_labels_that_are_refused(given: Any, within: str, said: str) -> None:
    with pytest.raises(LabelError) as refused:
        Label.parse(given, within)
    assert said in str(refused.value)


# ---- refused ------------------------------------------------------------------------------------------------------------


def test_what_is_refused() -> None:
    node, spine = reader(identity={"ECID": "visitor"}), frame_of([(1, "a")])
    late = [event(1, 2 * STEP, {"ECID": "a"}), event(2, 1 * STEP, {"ECID": "a"})]
    with pytest.raises(TrainingError, match="records must come in the order of their ingestion"):
        training_frame(late, frame_of([(9, "a")]), node)
    with pytest.raises(ColumnError, match="The spine has to say the moment"):
        training_frame([], spine, node, time="when")
    with pytest.raises(CellError, match="row 0: column 'time' must hold the moment"):
        training_frame([], spine.assign(time="soon"), node)
    with pytest.raises(ColumnError, match="Column 'visitor' does not exist"):
        training_frame([], spine.drop(columns="visitor"), node)
    with pytest.raises(TrainingError, match="the spine has columns that the reader makes: spent"):
        training_frame([], spine.assign(spent=1.0), node)
    with pytest.raises(TrainingError, match="the graph has no ProfileReader"):
        training_frame([], spine, Receiver(schema={"a": "float"}) >> Receiver(schema={"a": "float"}))
    with pytest.raises(TrainingError, match="the spine: /0/identity"):
        training_frame([], spine.assign(visitor="null"), node)
    with pytest.raises(LabelError, match="labels must have different names"):
        training_frame([], spine, node, labels=[Label.parse("a=b", "1d"), Label.parse("a=c", "1d")])


def test_a_reader_alone_is_enough() -> None:
    node = ProfileReader(aggregates={"n": {"count": {}}})
    frame = training_frame([event(1, 0, {"ECID": "a"})], frame_of([(1, "a")]), node, identity={"ECID": "visitor"}).frame
    assert frame["n"].tolist() == [1]


def test_an_event_of_two_datasets_counts_once_as_where_it_is_served() -> None:
    records = [event(number, number * SECOND, {"ECID": "a"}, "buy", order={"price": 5.0}) for number in (1, 2)]
    records += [record._replace(dataset="copy", ingested_us=record.ingested_us + 5 * SECOND) for record in records]
    spine = pd.DataFrame({"time": pd.to_datetime([0, 20], unit="s"), "visitor": ["a", "a"]})
    label = Label.parse({"count": {"eventType": "buy"}}, within="1m")
    made = training_frame(records, spine, reader(), identity={"ECID": "visitor"}, labels=[label], until_us=90 * SECOND).frame
    served = Profiles(MemoryStore())
    served.aggregates.add(*wanted(reader().boundary())[1])
    served.apply(records)
    source = reader().source(LocalProfiles(served))
    values = dict(zip(NAMES, source.values(Parts(b'{"ECID": "a"}'), 20 * SECOND), strict=True))
    assert (values["spent"], made["spent"].tolist()) == (10.0, [0.0, 10.0])
    assert made["label"].tolist() == [2, 0]


def test_an_event_ahead_of_the_clock_closes_no_rows() -> None:
    ahead = event(1, 86400 * SECOND, {"ECID": "b"}, "buy", taken=10 * SECOND)
    spine = pd.DataFrame({"time": pd.to_datetime([5], unit="s"), "visitor": ["a"]})
    asked = {"identity": {"ECID": "visitor"}, "labels": [Label.parse("eventType=buy", within="1h")]}
    assert training_frame([ahead], spine, reader(), **asked).open == 1
    late = event(2, 3605 * SECOND, {"ECID": "b"}, "view", taken=3700 * SECOND)
    assert training_frame([ahead, late], spine, reader(), **asked).open == 0
