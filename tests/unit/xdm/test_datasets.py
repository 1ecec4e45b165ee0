"""Datasets: what is put in comes out, in order of time, once, whole or not at all."""

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtml_plugins.serving.names import NameRefused
from rtml_plugins.xdm import datasets_batch, datasets_changing
from rtml_plugins.xdm.datasets import Datasets
from rtml_plugins.xdm.datasets_batch import Incoming
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.datasets_parts import PartWriter


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Datasets]:
    with Datasets(tmp_path) as opened:
        opened.create("web", "urn:event")
        yield opened


def incoming(id: str, at: int, *keys: str, **more: Any) -> Incoming:
    return Incoming(msgspec.json.encode({"_id": id, "at": at, **more}), id, at, keys or ("ecid:1",))


def many(*numbers: int) -> list[Incoming]:
    return [incoming(f"e{number}", number) for number in numbers]


def ids(datasets: Datasets, start: int | None = None, end: int | None = None) -> list[str | None]:
    return [one.id for one in datasets.documents("web", start, end)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "web").iterdir())


def parts(datasets: Datasets) -> int:
    return datasets.show("web").parts


# ---- batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["event", "record"])
def test_records_are_taken_when_their_batch_is_kept(tmp_path: Path, kind: str) -> None:
    now = [1_000]
    with Datasets(tmp_path, clock=lambda: now[0]) as datasets:
        datasets.create("d", "urn:x", kind)
        for round in range(3):  # profiles know nothing of a batch while it is read
            with datasets.begin("d") as batch:
                for part in range(2):
                    names = [f"{round}{part}{number}" for number in range(3)]
                    batch.add([Incoming(b"{}", name, 9 if kind == "event" else None, ("ecid:1",)) for name in names])
                    now[0] += 1_000
                batch.commit()
        found = sorted(datasets.documents("d"), key=lambda one: one.ingested)
    assert [one.ingested for one in found] == [*range(2995, 3001), *range(4995, 5001), *range(6995, 7001)]
    assert [one.id for one in found] == [f"{r}{p}{n}" for r in range(3) for p in range(2) for n in range(3)]
    assert [one.timestamp for one in found] == ([9] * 18 if kind == "event" else [one.ingested for one in found])


def test_what_is_put_in_comes_out_in_order_of_time_byte_for_byte(datasets: Datasets) -> None:
    odd = Incoming(b' {"_id":"x", "n":1.0,"big":12345678901234567890123}', "x", 2, ("ecid:1", "email:a"))
    appended = datasets.append("web", [incoming("c", 3), odd, incoming("a", 1)])
    assert (appended.taken, appended.duplicates, appended.batch) == (3, 0, 1)
    found = list(datasets.documents("web"))
    assert [one.id for one in found] == ["a", "x", "c"]
    assert (found[1].text, found[1].document) == (odd.text, {"_id": "x", "n": 1.0, "big": 12345678901234567890123})
    assert [row.identities for row in datasets.rows("web", 2, 3)] == [("ecid:1", "email:a")]


def test_records_are_exported_as_lines_in_order_of_time(datasets: Datasets) -> None:
    datasets.append("web", [incoming("b", 2), Incoming(b'{\r\n "_id": "a"\n}', "a", 1)])
    file = io.BytesIO()
    assert datasets.export("web", file) == 2
    assert file.getvalue() == b'{   "_id": "a" }\n{"_id":"b","at":2}\n'


def test_of_one_moment_what_was_taken_first_comes_first(datasets: Datasets) -> None:
    datasets.append("web", [incoming("b", 1), incoming("a", 1)])
    datasets.append("web", [incoming("d", 1), incoming("c", 1)])
    assert ids(datasets) == ["b", "a", "d", "c"]


def test_ids_are_taken_once_within_a_batch_and_over_batches(datasets: Datasets) -> None:
    first = datasets.append("web", many(1, 2, 2, 3))
    second = datasets.append("web", many(3, 4, 1))
    assert [(one.taken, one.duplicates, one.batch) for one in (first, second)] == [(3, 1, 1), (1, 2, 2)]
    assert datasets.append("web", many(1, 2)).batch == 0
    assert ids(datasets) == ["e1", "e2", "e3", "e4"]


def test_a_batch_that_is_left_open_never_was(datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_batch, "_ROWS", 2)
    with datasets.begin("web") as batch:
        batch.add(many(1, 2, 3))
        assert len(files(tmp_path)) == 1  # hidden
        assert ids(datasets) == []
    assert files(tmp_path) == []
    assert datasets.append("web", many(1)).taken == 1


def test_a_failure_in_the_middle_leaves_nothing(datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: PartWriter, high: int | None = None) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartWriter, "done", fail)
    with pytest.raises(OSError, match="No space"):
        datasets.append("web", many(1))
    monkeypatch.undo()
    assert files(tmp_path) == []
    assert datasets.append("web", many(1)).taken == 1


def test_a_batch_of_many_parts_is_one_batch(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_batch, "_ROWS", 10)
    monkeypatch.setattr("rtml_plugins.xdm.datasets_parts._GROUP_ROWS", 4)
    with datasets.begin("web") as batch:
        for first in range(0, 100, 10):
            batch.add(many(*range(99 - first, 89 - first, -1)))
        assert batch.commit().taken == 100
    assert parts(datasets) == 10
    assert ids(datasets) == [f"e{number}" for number in range(100)]
    assert ids(datasets, 17, 43) == [f"e{number}" for number in range(17, 43)]
    (committed,) = datasets.catalog.batches(datasets.get("web").uid, 0)
    order = [row.id for row in datasets.batch("web", committed)]
    assert sorted(order) == sorted(f"e{number}" for number in range(100))
    assert datasets.compact("web") == 10
    assert (parts(datasets), ids(datasets)) == (1, [f"e{number}" for number in range(100)])


def test_batches_of_several_threads_come_one_after_the_other(datasets: Datasets) -> None:
    taken: list[int] = []

    def append(number: int) -> None:
        taken.append(datasets.append("web", many(*range(number * 10, number * 10 + 15))).taken)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 85
    assert ids(datasets) == [f"e{number}" for number in range(85)]
    assert [one.number for one in datasets.catalog.batches(datasets.get("web").uid, 0)] == list(range(1, 9))


# ---- whatever happens in between ---------------------------------------------------------------------------------


@given(
    st.lists(
        st.one_of(
            st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=12),  # a batch: number, person
            st.just("compact"),
            st.integers(0, 3),  # erase a person
            st.just("reopen"),
        ),
        max_size=14,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_dataset_is_what_a_plain_dict_is(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("datasets")
    datasets = Datasets(folder)
    datasets.create("web", "urn:event")
    expected: dict[str, tuple[int, int]] = {}
    try:
        for step in steps:
            if isinstance(step, list):
                records = [incoming(f"e{number}", number // 3, f"ecid:{person}") for number, person in step]
                before = len(expected)
                for number, person in step:
                    expected.setdefault(f"e{number}", (number // 3, person))
                assert datasets.append("web", records).taken == len(expected) - before
            elif step == "compact":
                datasets.compact("web")
            elif step == "reopen":
                datasets.close()
                datasets = Datasets(folder)
            else:
                gone = {id for id, (_, person) in expected.items() if person == step}
                assert datasets.erase("web", [f"ecid:{step}"]) == len(gone)
                expected = {id: one for id, one in expected.items() if id not in gone}
            found = list(datasets.documents("web"))
            assert {one.id: one.timestamp for one in found} == {id: at for id, (at, _) in expected.items()}
            assert [one.timestamp for one in found] == sorted(one.timestamp for one in found)
            assert datasets.show("web").records == len(expected)
    finally:
        datasets.close()


# ---- small parts, persons, deletion ------------------------------------------------------------------------------


def test_many_small_parts_become_few(datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_changing, "_SMALLEST", 4)
    for number in range(50):
        datasets.append("web", many(number))
        datasets.compact("web")
        assert parts(datasets) <= 14
    assert ids(datasets) == [f"e{number}" for number in range(50)]
    assert len(files(tmp_path)) == parts(datasets) + len(datasets.catalog.runs(datasets.get("web").uid))


def test_parts_of_batches_that_profiles_wait_for_stay_as_they_are(datasets: Datasets) -> None:
    for number in range(20):
        datasets.append("web", many(100 - number, 200 + number))
    assert datasets.compact("web", through=9) == 9
    assert parts(datasets) == 12
    waiting = datasets.catalog.batches(datasets.get("web").uid, 9)
    assert [[row.id for row in datasets.batch("web", one)] for one in waiting] == [
        [f"e{100 - number}", f"e{200 + number}"] for number in range(9, 20)
    ]
    with datasets.begin("web"):
        assert datasets.compact("web", wait=False) == 0


def test_who_reads_while_parts_are_merged_reads_on(datasets: Datasets, tmp_path: Path) -> None:
    for number in range(20):
        datasets.append("web", many(number))
    reading = datasets.documents("web")
    assert next(reading).id == "e0"
    assert datasets.compact("web") == 20
    assert [one.id for one in reading] == [f"e{number}" for number in range(1, 20)]
    assert len([name for name in files(tmp_path) if name.startswith("part-")]) == 1


def test_a_person_is_erased_and_may_come_again(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", [incoming("a", 1, "ecid:1"), incoming("b", 2, "ecid:2", "email:x"), incoming("c", 3)])
    datasets.append("web", [incoming("d", 4, "email:x")])
    assert datasets.erase("web", ["email:x", "crm:unknown"]) == 2
    assert ids(datasets) == ["a", "c"]
    assert b"email:x" not in b"".join(path.read_bytes() for path in (tmp_path / "web").iterdir())
    assert datasets.append("web", [incoming("a", 1), incoming("b", 2), incoming("d", 4)]).taken == 2


def test_a_dataset_goes_with_its_files_and_leaves_those_of_others(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(1, 2))
    (tmp_path / "web" / "notes.txt").write_text("mine")
    assert datasets.delete("web").records == 2
    assert files(tmp_path) == ["notes.txt"]
    with pytest.raises(DatasetError, match="there is no dataset 'web'"):
        datasets.show("web")


# ---- record data -------------------------------------------------------------------------------------------------


def test_record_data_without_an_id_is_taken_when_it_says_something_else(datasets: Datasets) -> None:
    datasets.create("crm", "urn:record", "record")

    def said(value: int, key: str = "crm:1") -> Incoming:
        return Incoming(b'{ "value": %d}' % value, None, None, (key,))

    batches = [[said(1)], [said(1)], [said(2)], [said(1), said(1), said(3), said(1)], [said(1, "crm:2"), said(1)]]
    assert [datasets.append("crm", batch).taken for batch in batches] == [1, 0, 1, 3, 1]
    found = list(datasets.documents("crm"))
    assert [one.document["value"] for one in found] == [1, 2, 1, 3, 1, 1]
    assert [one.timestamp for one in found] == [one.ingested for one in found]
    assert datasets.erase("crm", ["crm:1"]) == 5
    assert datasets.append("crm", [said(1)]).taken == 1


# ---- folders -----------------------------------------------------------------------------------------------------


def test_another_process_reads_meanwhile_and_writes_nothing(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(1))
    with Datasets(tmp_path, read_only=True) as other:
        datasets.append("web", many(2))
        assert ids(other) == ["e1", "e2"]
        for write in (lambda: other.append("web", many(3)), lambda: other.delete("web"), lambda: other.create("new", "urn:x")):
            with pytest.raises(DatasetError, match="for reading only"):
                write()


def test_what_another_process_removes_while_it_is_read_is_said(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(1))
    datasets.append("web", many(2))
    with Datasets(tmp_path, read_only=True) as other:
        reading = other.documents("web")
        assert next(reading).id == "e1"
        datasets.delete("web")
        with pytest.raises(DatasetError, match="changed by another process while it was read"):
            list(reading)


def test_left_overs_of_a_crash_go_and_finished_files_get_their_names(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(1))
    part = next(path for path in (tmp_path / "web").iterdir() if path.name.startswith("part-"))
    os.rename(part, part.with_name(f".{part.name}.new"))  # a crash between commit and rename
    for name in (".part-000000000009-abcdef01.parquet.new", "_ids-000000000009-abcdef01.bin"):
        (tmp_path / "web" / name).write_bytes(b"half")
    datasets.close()
    with Datasets(tmp_path) as again:
        assert ids(again) == ["e1"]
        assert [name for name in files(tmp_path) if name.startswith(".") or "abcdef01" in name] == []


def test_damaged_files_and_newer_formats_are_said(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(1))
    for path in (tmp_path / "web").iterdir():
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DatasetError, match=r"part-.* is damaged"):
        ids(datasets)
    with pytest.raises(DatasetError, match=r"_ids-.* is damaged"):
        datasets.append("web", many(2))
    with datasets.catalog.change() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(DatasetError, match="format 99"):
        Datasets(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "datasets.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(DatasetError, match="can't be used as the catalog"):
        Datasets(tmp_path / "broken")


def test_names_are_checked(datasets: Datasets) -> None:
    for name in ("", "../web", "Web", "a b", "x" * 100):
        with pytest.raises(NameRefused):
            datasets.create(name, "urn:x")
    with pytest.raises(DatasetError, match="there is a dataset 'web' already"):
        datasets.create("web", "urn:x")


def test_other_tools_read_the_parts(datasets: Datasets, tmp_path: Path) -> None:
    datasets.append("web", many(*range(10)))
    datasets.append("web", many(*range(10, 20)))
    folder = pyarrow.dataset.dataset(tmp_path / "web", format="parquet")
    assert folder.schema.names == ["_id", "timestamp", "ingested", "identities", "document"]
    assert sorted(folder.to_table()["_id"].to_pylist()) == sorted(f"e{number}" for number in range(20))
    part = next(path for path in (tmp_path / "web").iterdir() if path.suffix == ".parquet")
    assert pq.ParquetFile(part).metadata.row_group(0).column(4).compression == "ZSTD"
