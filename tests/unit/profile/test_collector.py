import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_plugins.profile.collector import Collected, Collector
from rtml_plugins.profile.home import DataHome, open_home
from rtml_plugins.profile.identity import Identity
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.reading import ReadingError
from tests.unit.profile.shop import BEGIN, customer, event, lines

ECID = Identity("ECID", "38652")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DataHome]:
    with open_home(tmp_path / "data", "memory:") as opened:
        yield opened


def collect(home: DataHome, documents: list[Any], dataset: str = "web", schema: str = "shop-event", **options: Any) -> Collected:
    return Collector(home).collect(lines(documents), schema, dataset, **options)


def counts(done: Collected) -> tuple[int, int, int, int]:
    assert done.read == done.accepted + done.duplicates + done.withheld + done.refused_count
    return done.accepted, done.duplicates, done.withheld, done.refused_count


def test_records_come_into_the_dataset_and_into_profiles(home: DataHome) -> None:
    done = collect(home, [event(2), event(1), event(3, ecid="44675")])
    assert (done.taken, counts(done), done.batch) == (True, (3, 0, 0, 0), 1)
    assert [one.id for one in home.datasets.documents("web")] == ["e1", "e2", "e3"]
    assert [one.id for one in home.profiles.events(ECID)] == ["e1", "e2"]


def test_what_comes_again_is_taken_once(home: DataHome) -> None:
    collect(home, [event(1), event(2)])
    done = collect(home, [event(2), event(3), event(3)])
    assert (counts(done), done.batch) == ((1, 2, 0, 0), 2)
    again = collect(home, [event(1), event(3)])
    assert (counts(again), again.batch) == ((0, 2, 0, 0), 0)
    assert len(home.profiles.events(ECID)) == 3


def test_a_value_that_changes_there_and_back_is_not_lost(home: DataHome) -> None:
    silver, gold = customer("38652", loyalty={"tier": "silver"}), customer("38652", loyalty={"tier": "gold"})
    for document, taken in [(silver, 1), (silver, 0), (gold, 1), (silver, 1), (silver, 0)]:
        assert counts(collect(home, [document], "crm", "shop-profile"))[0] == taken
        found = home.profiles.lookup(ECID)
        assert found is not None
        assert found.attributes["loyalty"] == document["loyalty"]
    done = collect(home, [gold, silver, gold, gold], "crm", "shop-profile")
    assert counts(done) == (3, 1, 0, 0)
    found = home.profiles.lookup(ECID)
    assert found is not None
    assert found.attributes["loyalty"] == {"tier": "gold"}


def test_refused_records_are_told_by_line_place_and_reason_and_the_others_taken(home: DataHome, tmp_path: Path) -> None:
    bad = tmp_path / "refused.jsonl"
    documents = [event(1), b'{"_id": "e2", ', b"", event(3, eventType=7), event(4), b'{"a":1,"a":2}', event(5, commerce={"x": 1})]
    done = collect(home, documents, threshold=0.9, refused_to=bad)
    assert counts(done) == (2, 0, 0, 4)
    told = [(one.record, one.line, one.id, one.problems[0].at, one.problems[0].keyword) for one in done.refused]
    assert told == [
        (2, 2, "", "", "json"),
        (3, 4, "e3", "/eventType", "type"),
        (5, 6, "", "/a", "json"),
        (6, 7, "e5", "/commerce/x", "additionalProperties"),
    ]
    kept = bad.read_bytes().splitlines()
    assert kept == [documents[1].strip(), *[lines([documents[at]]).strip() for at in (3, 5, 6)]]
    reasons = [msgspec.json.decode(line) for line in (tmp_path / "refused.jsonl.reasons.jsonl").read_bytes().splitlines()]
    assert [reason["line"] for reason in reasons] == [2, 4, 6, 7]
    assert reasons[1]["problems"][0]["message"] == done.refused[1].problems[0].message


def test_refused_records_are_taken_when_they_are_mended(home: DataHome, tmp_path: Path) -> None:
    bad = tmp_path / "refused.jsonl"
    collect(home, [event(1), event(2, eventType=7)], threshold=1.0, refused_to=bad)
    bad.write_bytes(bad.read_bytes().replace(b'"eventType":7', b'"eventType":"web.webpagedetails.pageViews"'))
    done = Collector(home).collect(bad, "shop-event", "web", refused_to=bad)
    assert counts(done) == (1, 0, 0, 0)
    assert [one.id for one in home.datasets.documents("web")] == ["e1", "e2"]


def test_no_file_of_refused_records_appears_when_there_are_none(home: DataHome, tmp_path: Path) -> None:
    collect(home, [event(1)], refused_to=tmp_path / "refused.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(("threshold", "taken"), [(0.24, False), (0.25, True), (0.0, False), (1.0, True)])
def test_more_refused_records_than_the_threshold_and_nothing_is_taken(home: DataHome, threshold: float, taken: bool) -> None:
    done = collect(home, [event(1), event(2), event(3), event(4, eventType=7)], threshold=threshold)
    assert (done.taken, done.refused_count) == (taken, 1)
    assert home.datasets.show("web").records == (3 if taken else 0)
    assert len(home.profiles.events(ECID)) == (3 if taken else 0)
    # what was not taken is not known either: it can come again
    assert counts(collect(home, [event(1), event(2), event(3)]))[0] == (0 if taken else 3)


def test_the_threshold_is_a_share_of_whole_records(home: DataHome) -> None:
    documents = [event(number, eventType=7 if number < 29 else "x") for number in range(100)]
    assert collect(home, documents, threshold=0.28).taken is False
    assert collect(home, documents, threshold=0.29).taken is True


def test_events_of_who_refused_it_are_not_kept(home: DataHome) -> None:
    collect(home, [customer("38652", consents={"collect": {"val": "n"}}), customer("44675")], "crm", "shop-profile")
    done = collect(home, [event(1), event(2, ecid="44675"), event(3)])
    assert counts(done) == (1, 0, 2, 0)
    assert [one.id for one in home.datasets.documents("web")] == ["e2"]
    assert home.profiles.events(ECID) == []


def test_a_dataset_without_profiles_and_with_them_from_then_on(home: DataHome) -> None:
    collect(home, [event(1), event(2)], profile=False)
    assert home.profiles.lookup(ECID) is None
    collect(home, [event(3)])
    assert home.profiles.lookup(ECID) is None
    collect(home, [event(4)], profile=True)
    assert [one.id for one in home.profiles.events(ECID)] == ["e1", "e2", "e3", "e4"]


def test_profiles_that_are_built_later_have_everything_though_parts_were_merged(home: DataHome) -> None:
    for number in range(20):
        collect(home, [event(40 - number), event(number)], profile=False if number < 10 else None)
    assert home.datasets.show("web").parts < 20
    collect(home, [event(50)], profile=True)
    collect(home, [event(51)], profile=False)
    for number in range(60, 80):
        collect(home, [event(number)])
    collect(home, [event(90)], profile=True)
    expected = sorted(f"e{number}" for number in [*range(41), 50, 51, *range(60, 80), 90] if number != 20)
    assert sorted(one.id for one in home.profiles.events(ECID)) == expected


def test_values_survive_to_the_last_byte(home: DataHome) -> None:
    odd = (
        b'{"_id":"x1","timestamp":"2026-03-01T10:00:00.123456+13:00","identityMap":{"ECID":[{"id":"38652"}]},'
        b'"placeContext":{"geo":{"postalCode":"02134"}},"commerce":{"order":{"priceTotal":1.0}},'
        b'"web":{"webPageDetails":{"name":"a\\u00e9\\n","pageViews":{"value":9007199254740993}}}}'
    )
    done = collect(home, [odd])
    assert done.refused == []
    (one,) = home.datasets.documents("web")
    assert one.text == odd
    assert one.document["web"]["webPageDetails"] == {"name": "aé\n", "pageViews": {"value": 9007199254740993}}
    assert one.timestamp == 1_772_312_400_123_456


def test_the_other_spelling_is_taken_kept_as_it_came_and_known_by_its_identities(home: DataHome) -> None:
    plain = event(1)
    prefixed = {
        "@id": "s1",
        "xdm:timestamp": "2026-03-01T10:00:00Z",
        "xdm:eventType": "commerce.purchases",
        "xdm:identityMap": {"ECID": [{"xdm:id": "38652", "xdm:primary": True}]},
    }
    done = collect(home, [plain, prefixed])
    assert (done.refused, done.nameless) == ([], 0)
    assert [one.document for one in home.datasets.documents("web")] == [plain, prefixed]
    assert [one.id for one in home.profiles.events(ECID)] == ["e1", "s1"]


def test_an_envelope_is_taken_off_and_must_name_the_same_schema(home: DataHome) -> None:
    schema = home.schemas.get("shop-event").id

    def wrapped(document: dict[str, Any], id: str) -> dict[str, Any]:
        return {"header": {"source": {"name": "x"}}, "body": {"xdmMeta": {"schemaRef": {"id": id}}, "xdmEntity": document}}

    done = collect(home, [wrapped(event(1), schema), wrapped(event(2), "https://example.com/other")], threshold=1.0)
    assert counts(done) == (1, 0, 0, 1)
    assert done.refused[0].problems[0].keyword == "schemaRef"
    assert [one.document for one in home.datasets.documents("web")] == [event(1)]


@pytest.mark.parametrize(
    ("more", "at", "keyword"),
    [
        ({"timestamp": "2999-01-01T00:00:00Z"}, "/timestamp", "maximum"),
        ({"_id": ""}, "/_id", "type"),
        ({"timestamp": "yesterday"}, "/timestamp", "format"),
    ],
)
def test_events_need_an_id_and_a_moment_that_was(home: DataHome, more: dict[str, Any], at: str, keyword: str) -> None:
    done = collect(home, [event(1, **more)])
    (problem, *_) = done.refused[0].problems
    assert (problem.at, problem.keyword) == (at, keyword)


def test_a_dataset_holds_one_schema(home: DataHome) -> None:
    collect(home, [event(1)])
    with pytest.raises(DatasetError, match=r"holds records of the schema .*shop-event"):
        collect(home, [customer("1")], "web", "shop-profile")
    # one that never had a record may become another
    collect(home, [b"?"], "new")
    assert counts(collect(home, [customer("1")], "new", "shop-profile"))[0] == 1
    assert home.datasets.show("new").kind == "record"


def test_what_can_not_be_read_or_is_not_known_is_said_and_nothing_taken(home: DataHome, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="Did you mean 'shop-event'"):
        collect(home, [], schema="shop-evnt")
    with pytest.raises(ReadingError, match="does not exist"):
        Collector(home).collect(tmp_path / "nothing.jsonl", "shop-event", "web")
    with pytest.raises(ReadingError, match="is UTF-16"):
        Collector(home).collect("{}".encode("utf-16"), "shop-event", "web")
    with pytest.raises(DatasetError, match="can't be kept there"):
        collect(home, [b"?"], refused_to=tmp_path / "no" / "folder.jsonl")
    assert [one.records for one in home.datasets.list()] == [0]


def test_records_without_identities_are_kept_and_counted(home: DataHome) -> None:
    nobody = event(1)
    del nobody["identityMap"]
    done = collect(home, [nobody])
    assert (counts(done), done.nameless) == ((1, 0, 0, 0), 1)
    assert home.profiles.store.count()["persons"] == 0


def test_a_person_is_erased_from_datasets_too(home: DataHome) -> None:
    both = {"ECID": [{"id": "38652", "primary": True}], "Email": [{"id": "a@example.com"}]}
    only_mail = {"Email": [{"id": "a@example.com", "primary": True}]}
    collect(home, [event(1), event(2, identityMap=both), event(3, identityMap=only_mail), event(4, ecid="44675")])
    collect(home, [event(5, identityMap=only_mail)], "shop", profile=False)
    erased, records = home.erase(ECID, "tests")
    assert (erased.persons, records) == (1, 4)
    assert [one.id for one in home.datasets.documents("web")] == ["e4"]
    assert list(home.datasets.documents("shop")) == []
    assert home.profiles.lookup(Identity("Email", "a@example.com")) is None
    assert home.erase(ECID, "tests")[1] == 0
    # nor are their ids known any more
    assert counts(collect(home, [event(1), event(4, ecid="44675")])) == (1, 1, 0, 0)


def test_times_of_ingestion_grow_from_record_to_record(home: DataHome) -> None:
    collect(home, [event(1), event(2)])
    collect(home, [event(3, at=BEGIN)])
    by_id = {one.id: one.ingested for one in home.datasets.documents("web")}
    assert by_id["e1"] < by_id["e2"] < by_id["e3"]


def test_several_threads_take_at_once_and_every_event_counts_once(tmp_path: Path) -> None:
    with open_home(tmp_path / "data") as home:
        (spent,) = home.profiles.aggregates.add({"sum": "commerce.order.priceTotal"})
        failed: list[BaseException] = []

        def take(thread: int) -> None:
            try:
                for first in range(0, 60, 10):
                    collect(home, [event(number) for number in range(thread * 30 + first, thread * 30 + first + 10)])
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert home.datasets.show("web").records == 150
        view = home.profiles.view([ECID], {}, [spent.id])
        assert view is not None
        assert home.profiles.aggregate_values(view) == {spent.id: float(sum(range(150)))}


def test_a_dataset_that_another_thread_makes_first_is_taken_into(home: DataHome, monkeypatch: pytest.MonkeyPatch) -> None:
    make = home.datasets.create

    def overtaken(*given: Any, **options: Any) -> Any:
        make(*given, **options)
        return make(*given, **options)

    monkeypatch.setattr(home.datasets, "create", overtaken)
    assert counts(collect(home, [event(1)])) == (1, 0, 0, 0)
