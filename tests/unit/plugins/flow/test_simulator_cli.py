"""`rtml simulate`: rows for packages, graphs, signatures and like real rows; files whole or not at all."""

from __future__ import annotations

import csv
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtml_core import operators as op
from rtml_core.cli.app import run
from rtml_core.dsl import dumps
from rtml_core.runtime import Runtime
from rtml_plugins.flow import simulator_cli
from rtml_plugins.flow.simulator import Simulator
from tests.unit.plugins.flow.visits import SCHEMA, visits


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that refuses countries which it does not know, trained without a source of made-up rows."""
    schema = {"age": "float?", "spent": "float", "country": "string", "seen_at": "timestamp"}
    whole = (
        op.Receiver(schema=schema)
        >> op.FillMissing(cols="age", strategy="median")
        >> op.OneHotEncoder(cols="country", handle_unknown="error")
        >> op.Pandas(import_="filter", kwargs={"items": ["age", "country_DE"]})
    )
    real = visits(500)[list(schema)]
    whole.fit(real)
    path = tmp_path / "shop.rtml"
    path.write_bytes(whole.compile(real).data)
    return path


def test_rows_for_a_package_are_accepted_by_it(package: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    assert run(["simulate", str(package), "-n", "2000", "--seed", "1", "-o", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 2000
    assert len(Runtime.from_file(package).score(rows)) == 2000  # raises for a row that is refused
    assert set(Counter(row["country"] for row in rows)) == {"DE", "FR", "US"}
    assert {row["seen_at"][:4] for row in rows} == {"2026"}
    assert 0 < np.mean([row["age"] is None for row in rows]) < 0.1


def test_a_profile_is_written_and_gives_the_same_rows(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    real, profile = tmp_path / "visits.csv", tmp_path / "profile.json"
    visits().assign(zip=["02134"] * len(visits())).to_csv(real, index=False)
    assert run(["simulate", str(real), "-n", "20", "--profile", str(profile), "-q"]) == 0
    direct = capsysbinary.readouterr().out
    assert run(["simulate", str(profile), "-n", "20", "-q"]) == 0
    assert capsysbinary.readouterr().out == direct
    row = json.loads(direct.splitlines()[0])
    assert row["zip"] == "02134"
    assert isinstance(row["vip"], bool)
    assert isinstance(row["pages"], int)


def test_a_package_that_was_authored_on_a_simulator_brings_its_profile(tmp_path: Path) -> None:
    source = Simulator(training_only=["vip"])
    whole = source >> op.FillMissing(cols="age", strategy="median") >> op.Pandas(import_="filter", kwargs={"items": ["age"]})
    whole.fit(visits())
    path, out = tmp_path / "made.rtml", tmp_path / "rows.jsonl"
    path.write_bytes(whole.compile(visits(200).drop(columns="vip")).data)
    assert run(["simulate", str(path), "-n", "40", "--seed", "5", "-o", str(out), "-q"]) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == list(source.rows(40, seed=5))


def test_parquet_files_are_profiled(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    real, out = tmp_path / "visits.parquet", tmp_path / "rows.jsonl"
    visits().to_parquet(real)
    assert run(["simulate", str(real), "-n", "5", "-o", str(out), "-q"]) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == list(Simulator().fit(visits()).rows(5))
    real.write_bytes(b"PAR1 no more")
    assert run(["simulate", str(real), "-n", "5", "-o", str(out), "-q"]) == 2


def test_signatures_graphs_and_json_lines_are_sources_too(tmp_path: Path) -> None:
    signature, dsl, lines, out = (tmp_path / name for name in ("s.json", "g.json", "r.jsonl", "out.csv"))
    signature.write_text(json.dumps(SCHEMA))
    receiver = op.Receiver(schema={"age": "float?", "city": "string"})
    dsl.write_text(dumps(receiver >> op.OneHotEncoder(cols="city", categories=["Ulm"])))
    visits(100).to_json(lines, orient="records", lines=True, date_format="iso")
    for source, names in ((signature, list(SCHEMA)), (dsl, ["age", "city"]), (lines, list(visits(100)))):
        assert run(["simulate", str(source), "-n", "30", "-o", str(out), "-q"]) == 0
        rows = list(csv.DictReader(out.read_text().splitlines()))
        assert len(rows) == 30
        assert list(rows[0]) == names
    assert run(["simulate", str(dsl), "-n", "30", "-o", str(out), "-q"]) == 0
    assert {row["city"] for row in csv.DictReader(out.read_text().splitlines())} == {"Ulm"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope.rtml"], "nope.rtml does not exist"),
        (["rows.txt"], "rows are simulated from a package (.rtml), rows"),
        (["list.json"], "must hold an object, a signature, a profile or a graph; got [1]"),
        (["broken.json"], "is not JSON"),
        (["wrong.json"], "Did you mean 'float'"),
        (["few.csv"], "few.csv: Column 'x' has 2 values, and a profile is learned from at least 20"),
        (["uneven.csv"], "row 3 does not have 1 cells, as the header has"),
        (["good.json", "-o", "rows.parquet"], "a file that ends in .jsonl or .csv"),
        (["good.json", "-o", "no/rows.csv"], "is no directory; make it first"),
        (["deep.json"], "deep.json is not JSON: it is nested too deep"),
        (["deep.jsonl"], "deep.jsonl, line 1 is not JSON: it is nested too deep"),
        (["half.json"], "a text or name in it holds '\\ud800', half of a character"),
        (["half.json", "-o", "rows.csv", "--profile", "p.json"], "half of a character, which no UTF-8 file holds"),
        (["huge.json"], "'range' must be two numbers up to 2^53"),
        (["huge.jsonl"], "Column 'x' holds a whole number beyond the range of float64"),
        (["few.csv", "-o", "few.csv"], "few.csv would replace few.csv; name another file"),
    ],
)
def test_what_can_not_be_simulated_is_said_in_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"list.json": "[1]", "broken.json": "{", "wrong.json": '{"a": "flaot"}', "good.json": '{"a": "float"}'}
    nest, huge = "[" * 100_000, "9" * 400
    files |= {"deep.json": nest, "deep.jsonl": nest, "half.json": '{"a": {"type": "string", "categories": ["\\ud800"]}}'}
    files |= {"huge.json": f'{{"a": {{"type": "float", "range": [0, {huge}]}}}}', "huge.jsonl": f'{{"x": {huge}}}\n' * 30}
    files |= {"few.csv": "x\n1.5\n2.5\n", "uneven.csv": "x\n1\n2,3\n", "rows.txt": "x"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert run(["simulate", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_lines_end_where_json_lines_do(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """U+2028 may stand in a JSON text as it is, and Python's splitlines would cut there."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "one\u2028two\x85"}\r\n' * 30, encoding="utf-8", newline="")
    assert run(["simulate", str(path), "-n", "1", "-q"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == {"a": "one\u2028two\x85"}


def test_a_stopped_run_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM in the middle of the rows: neither the rows nor the profile, nor parts of them."""
    (tmp_path / "s.json").write_text('{"a": "float"}')

    def writer(stream: Any) -> Any:
        def write(rows: Any) -> None:
            assert len(list(tmp_path.glob(".*.part"))) == 2
            signal.raise_signal(signal.SIGTERM)

        return write

    monkeypatch.setattr(simulator_cli, "_json_writer", writer)
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["simulate", str(tmp_path / "s.json"), "-o", str(tmp_path / "r.jsonl"), "--profile", str(tmp_path / "p.json")]
    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_package_that_refuses_all_rows_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = op.Receiver(schema={"city": "string"}) >> op.Pandas(import_="str.upper", cols="city", into="upper")
    whole = whole >> op.OneHotEncoder(cols="upper", categories=[""], handle_unknown="error")
    path, out = tmp_path / "strict.rtml", tmp_path / "rows.jsonl"
    path.write_bytes(whole.compile().data)
    assert run(["simulate", str(path), "-n", "5", "-o", str(out)]) == 2
    assert "the package refuses all of 20,480 rows, most of them for a value of 'upper'" in capsys.readouterr().err
    assert not out.exists()
