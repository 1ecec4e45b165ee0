"""What a worker measures of the values that it answers: after the answer, within its allowance, and nothing that is not live."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.client.records import Traffic
from rtml_plugins.edge import measuring, metrics, tapping
from rtml_plugins.edge.app import App
from rtml_plugins.edge.batching import Scorer
from rtml_plugins.edge.counting import Counter
from rtml_plugins.edge.files import Home
from rtml_plugins.edge.measuring import Measuring
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Loaded, Service, Snapshot
from rtml_plugins.edge.tapping import Tap
from rtml_plugins.edge.values import SUFFIX, Counts, Values
from rtml_plugins.serving.wire import ServiceEntry, VersionEntry
from tests.unit.edge import apps
from tests.unit.edge.measured import measured_package
from tests.unit.edge.packages import package

PREDICT = "/v1/services/churn/predict"
ROW = {"x": 1.0, "word": "red", "when": "2024-05-01T00:00:00Z", "yes": True}


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    metrics.reset()
    yield
    metrics.reset()


def loaded(data: bytes, number: int = 1, name: str = "churn") -> Loaded:
    runtime = Runtime.from_bytes(data)
    return Loaded(name, number, runtime.id, runtime, Scorer(runtime, EdgeSettings(home="", region="emea"), name))


def served(tmp_path: Path, *versions: Loaded, debug: bool = True, **traffic: Any) -> App:
    """An app whose service churn has these versions, the last one its champion."""
    settings = EdgeSettings(home=str(tmp_path), region="emea", debug=debug)
    (tmp_path / metrics.FOLDER).mkdir(exist_ok=True)
    entries = tuple(VersionEntry(one.version, one.package_id, 1) for one in versions)
    entry = ServiceEntry("1", "churn", entries, Traffic(**{"champion": versions[-1].version, **traffic}))
    table: Any = apps.Table()
    service = Service.of(entry, {one.version: one for one in versions})
    table.current = Snapshot(revision=1, services={"churn": service}, ready=True, known=True)
    return App(table, settings)


def asked(app: App, *bodies: Any, path: str = PREDICT, query: str = "") -> list[int]:
    """Statuses of requests after each other; what they give to measure is looked at, and written."""

    async def run() -> list[int]:
        statuses = [(await apps.asked(app, path, body, query=query))[0].status for body in bodies]
        app.measuring.stop()
        return statuses

    return asyncio.run(run())


def written(tmp_path: Path) -> dict[tuple[str, int], Counts]:
    paths = list((tmp_path / metrics.FOLDER).glob(f"*{SUFFIX}"))
    files = [msgspec.msgpack.decode(path.read_bytes(), type=Values) for path in paths]
    return {(one.service, one.version): one for file in files for one in file.versions}


def sides(counts: Counts) -> dict[str, dict[str, list[int]]]:
    return {
        name: dict(zip(side.names, side.counts, strict=True)) for name, side in (("in", counts.inputs), ("out", counts.outputs))
    }


def test_values_of_every_type_and_form_are_counted_as_they_came_and_as_they_are_answered(tmp_path: Path) -> None:
    one = loaded(measured_package(2), 2)
    rows = [
        {"x": 0.0, "word": "green", "when": "2023-12-31T23:59:59Z", "yes": False},
        {"x": None, "word": None, "when": None, "yes": False},
        {"x": 11, "word": "blue", "when": "2024-01-01T00:00:00Z", "yes": True},
    ]
    columns = {name: [row[name] for row in rows] for name in ROW}
    app = served(tmp_path, one)
    assert asked(app, ROW, {"rows": rows}, {"columns": columns}, columns, {**ROW, "x": "1"}, {"rows": []}) == [200] * 4 + [
        422,
        200,
    ]
    counts = written(tmp_path)["churn", 2]
    assert (counts.package, counts.rows) == (one.package_id, 10)
    x, word, when, yes = [3, 1, 3, 3], [1, 3, 3, 3], [6, 1, 3], [6, 4, 0, 0]
    assert sides(counts) == {
        "in": {"x": x, "word": word, "when": when, "yes": yes},
        "out": {"x": x, "word": word, "when": when, "yes": yes, "says": x},
    }


def test_the_rows_of_the_sample_are_counted_as_the_baseline_has_them(tmp_path: Path) -> None:
    """What compile counts of a sample and what an edge counts of the same rows is one thing, for every type, in and out."""
    chance = random.Random(5)
    schema = {"x": "float?", "many": "int", "few": "int?", "yes": "bool", "word": "string?", "when": "timestamp?"}
    rows = [
        {
            "x": chance.choice([None, 0.0, chance.gauss(0, 1), 1e300 * chance.random()]),
            "many": chance.choice([0, chance.randrange(10**6), -(2**60) + chance.randrange(9)]),
            "few": chance.choice([None, 1, 2, 3]),
            "yes": chance.random() < 0.3,
            "word": chance.choice([None, "", "red", "blue", "grün", str(chance.random())]),
            "when": chance.choice([None, f"20{chance.randrange(10, 30)}-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z"]),
        }
        for _ in range(60)
    ]
    sample = pd.DataFrame(rows)
    sample["when"] = pd.to_datetime(sample["when"], format="ISO8601")
    sample["few"] = sample["few"].astype("Int64")
    graph = op.Receiver(schema=schema) >> op.FieldOps(ops=[{"set": "twice", "to": "x * 2"}, {"set": "more", "to": "many + 1"}])
    compiled = graph.compile(sample=sample)
    baseline = compiled.manifest.baseline
    assert baseline is not None
    assert baseline.rows == 60
    app = served(tmp_path, loaded(compiled.data))
    assert asked(app, {"rows": rows[:30]}, *rows[30:]) == [200] * 31
    counts = written(tmp_path)["churn", 1]
    assert counts.rows == 60
    for side, columns in (("in", baseline.inputs), ("out", baseline.outputs)):
        assert sides(counts)[side] == {column.name: [*column.counts, column.missing] for column in columns}


def tensors(count: int, **values: list[Any]) -> dict[str, Any]:
    """A request of the other protocol with so many rows, these values over and over."""
    types = {"x": "FP64", "word": "BYTES", "when": "BYTES", "yes": "BOOL"}
    given = {name: [value] for name, value in ROW.items()} | values
    inputs = [
        {"name": name, "datatype": kind, "shape": [count, 1], "data": (given[name] * count)[:count]}
        for name, kind in types.items()
    ]
    return {"inputs": inputs}


def test_requests_of_the_other_protocol_are_measured_as_rows_are(tmp_path: Path) -> None:
    app = served(tmp_path, loaded(measured_package(1)))
    one = tensors(1, x=[-1.0], word=["blue"], when=["2020-01-01T00:00:00Z"], yes=[False])
    many = tensors(130, x=[11.0, 5.0], word=["red", "green"])  # each third row: 44
    assert asked(app, one, many, tensors(2, x=["a"]), path="/v2/models/churn/infer") == [200, 200, 400]
    counts = written(tmp_path)["churn", 1]
    found = sides(counts)
    assert counts.rows == 45
    assert found["in"] == {"x": [1, 22, 22, 0], "word": [22, 1, 22, 0], "when": [1, 44, 0], "yes": [1, 44, 0, 0]}
    assert found["out"] == {**found["in"], "says": found["in"]["x"]}
    assert [key[1] for key in metrics._requests] == [1, 1]


def test_an_idle_service_is_measured_whole(tmp_path: Path) -> None:
    app = served(tmp_path, loaded(measured_package(1)))
    assert set(asked(app, *[ROW] * 150)) == {200}
    assert written(tmp_path)["churn", 1].rows == 150


def test_who_explains_or_gets_no_answer_moves_no_figure_of_live_traffic(tmp_path: Path) -> None:
    app = served(tmp_path, loaded(measured_package(1)))
    home = Home(tmp_path)
    home.make()
    home.package(Runtime.from_bytes(measured_package(1)).id).write_bytes(measured_package(1))
    assert asked(app, ROW, b"{", query="explain=columns") == [200, 400]
    assert asked(app, {}) == [422]
    assert written(tmp_path) == {}
    assert {key: sum(series.counts) for key, series in metrics._requests.items()} == {("churn", 1, "invalid"): 1}
    assert metrics._counters["explained", ("churn", "1")] == 2
    assert asked(served(tmp_path, loaded(measured_package(1)), debug=False), ROW, query="explain=columns") == [403]
    assert metrics._counters["explained", ("churn", "1")] == 3
    assert [key for key in metrics._requests if key[2] == "refused"] == []


def test_shadow_versions_are_not_measured_and_versions_asked_for_by_number_are(tmp_path: Path) -> None:
    versions = [loaded(measured_package(number), number) for number in (1, 2)]
    app = served(tmp_path, *versions, shadow=1)
    asked(app, ROW)
    assert {key: counts.rows for key, counts in written(tmp_path).items()} == {("churn", 2): 1}
    asked(app, ROW, path="/v1/services/churn/versions/1/predict")
    assert {key: counts.rows for key, counts in written(tmp_path).items()} == {("churn", 1): 1, ("churn", 2): 1}


def test_a_package_without_a_baseline_is_not_looked_at(tmp_path: Path) -> None:
    app = served(tmp_path, loaded(package(1)[1]))
    assert asked(app, {"x": 1}) == [200]
    assert written(tmp_path) == {}


@pytest.mark.parametrize("large", [False, True])
def test_of_many_rows_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """Spread over the request; of an answer that takes long to read, its first ones."""
    if large:
        monkeypatch.setattr(tapping, "LARGE_BODY", 10_000)
    app = served(tmp_path, loaded(measured_package(1)))
    rows = [{**ROW, "word": "red" if at < 100 else "blue"} for at in range(200)]
    rows[3]["when"] = None
    assert asked(app, {"rows": rows}) == [200]
    counts = written(tmp_path)["churn", 1]
    found = sides(counts)
    assert counts.rows == (64 if large else 50)
    assert found["in"]["word"] == found["out"]["word"] == ([64, 0, 0, 0] if large else [25, 25, 0, 0])
    assert found["out"]["when"] == found["in"]["when"] == ([0, 63, 1] if large else [0, 50, 0])


def test_the_beginning_of_an_answer_is_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = loaded(measured_package(1))
    rows = [{**ROW, "word": 'ä"},{"'} for _ in range(70)]
    for cut in range(200, 260):
        monkeypatch.setattr(tapping, "LARGE_BODY", cut)
        asked(served(tmp_path / str(cut), one), {"rows": rows}) if (tmp_path / str(cut)).mkdir() is None else None
        found = written(tmp_path / str(cut))["churn", 1]
        whole = len(json.dumps([{"x": 1.0, **rows[0], "says": 2.0}], ensure_ascii=False, separators=(",", ":")).encode()) - 2
        assert found.rows == (cut - 1 + 1) // (whole + 1)
        assert sides(found)["in"]["word"] == sides(found)["out"]["word"] == [0, 0, found.rows, 0]


def test_wide_rows_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapping, "MOST_VALUES", 20)
    app = served(tmp_path, loaded(measured_package(1)))
    asked(app, {"rows": [ROW] * 10})
    assert written(tmp_path)["churn", 1].rows == 2  # nine columns


def test_what_comes_while_much_waits_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = served(tmp_path, loaded(measured_package(1)))

    async def together(count: int) -> list[int]:
        answers = await asyncio.gather(*(apps.asked(app, PREDICT, ROW) for _ in range(count)))  # in one turn
        app.measuring.stop()
        return [response.status for response, _ in answers]

    monkeypatch.setattr(measuring, "MOST_WAITING", 3)
    assert asyncio.run(together(5)) == [200] * 5
    assert written(tmp_path)["churn", 1].rows == 3
    monkeypatch.setattr(measuring, "MOST_BYTES", 400)
    assert asyncio.run(together(5)) == [200] * 5
    assert written(tmp_path)["churn", 1].rows == 5


def test_a_fault_ends_the_measuring_and_is_not_felt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = served(tmp_path, loaded(measured_package(1)))

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Counter, "add", fails)
    assert asked(app, *[ROW] * 3) == [200] * 3
    assert [record.message for record in caplog.records] == ["not measured any more"] * len(caplog.records) != []
    said = len(caplog.records)
    assert asked(app, *[ROW] * 3) == [200] * 3
    assert len(caplog.records) == said


def test_a_model_that_is_gone_leaves_memory_at_once(tmp_path: Path) -> None:
    """Though its counts stay for a while."""
    first, second = (loaded(measured_package(number), number) for number in (1, 2))
    app = served(tmp_path, first)
    asked(app, ROW)
    before = weakref.ref(first.runtime)
    entry = ServiceEntry("1", "churn", (VersionEntry(2, second.package_id, 1),), Traffic(champion=2))
    table: Any = app.table

    async def taken_up() -> None:
        table.current = replace(table.current, services={"churn": Service.of(entry, {2: second})})
        app.take_up(table.current)
        app.measuring.stop()

    asyncio.run(taken_up())
    del first
    gc.collect()
    assert before() is None
    assert written(tmp_path)["churn", 1].rows == 1


def test_columns_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MOST_COLUMNS", 17)  # nine a version
    app = served(tmp_path, *(loaded(measured_package(number), number) for number in (1, 2)))
    for number in (1, 2, 1, 2):
        assert asked(app, ROW, path=f"/v1/services/churn/versions/{number}/predict") == [200]
    assert {key: counts.rows for key, counts in written(tmp_path).items()} == {("churn", 1): 2}


def test_what_is_gone_stays_in_the_file_until_the_supervisor_has_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MOST_COLUMNS", 9)
    first, second = (loaded(measured_package(number), number) for number in (1, 2))
    app = served(tmp_path, first)
    asked(app, ROW)

    async def taken_up() -> None:
        table: Any = app.table
        entry = ServiceEntry("1", "churn", (VersionEntry(2, second.package_id, 1),), Traffic(champion=2))
        table.current = replace(table.current, services={"churn": Service.of(entry, {2: second})})
        app.take_up(table.current)
        app.measuring.stop()

    asyncio.run(taken_up())
    assert written(tmp_path)["churn", 1].rows == 1
    assert app.measuring.known(first) is None  # should it come back, it begins anew
    monkeypatch.setattr(measuring, "GONE", -1.0)
    asked(app, ROW)
    assert written(tmp_path) == {}  # there was no place for the second, until now
    asked(app, ROW)
    assert {key: counts.rows for key, counts in written(tmp_path).items()} == {("churn", 2): 1}


# ---- allowances -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three() -> list[Loaded]:
    return [loaded(measured_package(1), 1, name) for name in ("a", "b", "c")]


def taps(measuring: Measuring, three: list[Loaded], spent: list[int]) -> list[Tap]:
    found = [measuring.tap(one) for one in three]
    for tap, number in zip(found, spent, strict=True):
        tap.left = tap.most - min(number, tap.most)
        measuring._spent[tap] = None
    return found


@given(st.lists(st.integers(0, 2000), min_size=3, max_size=3), st.floats(0, 0.02))
def test_an_allowance_is_shared_so_that_who_wants_little_gets_all(three: list[Loaded], spent: list[int], seconds: float) -> None:
    one = Measuring(Path("nowhere"))
    found = taps(one, three, spent)
    before = [tap.left for tap in found]
    one.share(seconds)
    given = [(tap.left - left) * tap.cost for tap, left in zip(found, before, strict=True)]
    cost = found[0].cost
    assert sum(given) <= seconds + 1e-9
    for tap, more in zip(found, given, strict=True):
        assert tap.left <= tap.most
        assert tap.left == tap.most or more >= seconds / 3 - 2 * cost  # an equal share, or all that it wanted
    if any(tap.left < tap.most for tap in found):
        assert sum(given) >= seconds - 4 * cost  # nothing is left over while somebody wants more
    assert set(one._spent) == {tap for tap in found if tap.left < tap.most}


def test_small_allowances_add_up(three: list[Loaded]) -> None:
    one = Measuring(Path("nowhere"))
    tap, *_ = taps(one, three, [10**6, 0, 0])
    assert tap.left == 0
    for _ in range(10):
        one.share(tap.cost / 4)
    assert tap.left == 2


def test_nothing_is_looked_at_without_an_allowance_and_it_comes_with_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tapping, "SHARE", 0.0001)  # two requests
    monkeypatch.setattr(measuring, "SHARE", 0.0001)
    monkeypatch.setattr(Tap, "learn", lambda *_: None)
    app = served(tmp_path, loaded(measured_package(1)))
    tap = app.measuring.tap(app.snapshot.services["churn"].champion)
    saved = tap.most
    assert 1 <= saved < 20

    async def run() -> None:
        for _ in range(20):
            await apps.asked(app, PREDICT, ROW)
        assert tap.left == 0
        while app.measuring._queue:
            await asyncio.sleep(0.001)
        assert tap.rows == saved
        async with asyncio.timeout(20):
            while tap.left == 0:
                await asyncio.sleep(0.01)
            await apps.asked(app, PREDICT, ROW)
            while tap.rows == saved:
                await asyncio.sleep(0.001)
            while app.measuring._spent:  # and then it rests
                await asyncio.sleep(0.01)
        assert app.measuring._timer is None
        app.measuring.stop()

    asyncio.run(run())


def test_what_it_costs_is_learned_slowly(three: list[Loaded]) -> None:
    one = Measuring(Path("nowhere"))
    tap = one.tap(three[0])
    cost, most = tap.cost, tap.most
    tap.learn(1.0)  # somebody else had the core
    assert cost < tap.cost < 1.1 * cost
    for _ in range(400):
        tap.learn(2 * cost - tapping.TAKING)
    assert tap.cost == pytest.approx(2 * cost, rel=0.01)
    assert tap.most == pytest.approx(most / 2, abs=most / 50)
