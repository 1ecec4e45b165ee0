"""`rtml inspect` and `rtml check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core import package as archives
from rtml_core.package import OpEntry, read_file, write_archive
from tests.unit.core.cli.conftest import Rtml


def rebuild(path: Path, name: str, sample: bytes | None = None, **changes: Any) -> str:
    """The package again under another name, with another manifest or sample and digests that fit."""
    archive = read_file(path)
    files = {archives.MODEL: archive.model, archives.GRAPH: archive.graph, archives.SAMPLE: sample or archive.sample}
    target = path.with_name(name)
    target.write_bytes(write_archive(msgspec.structs.replace(archive.manifest, **changes), files))
    return str(target)


def test_inspect_shows_what_goes_in_and_comes_out(rtml: Rtml, package: Path) -> None:
    result = rtml("inspect", "model.rtml")
    assert result.code == 0
    archive = read_file(package)
    for words in (
        f"id        {archive.id}",
        f"size      {package.stat().st_size:,} bytes",
        "portable  yes",
        f"parity    {archive.manifest.parity.rows:,} rows compared, 0 differences",
        "plugins   tiny (rtml-tiny 1.4)",
        "extra     unknown fields are refused",
        "ai.onnx 21",
        "zip      string?",
        "ratio    float64?",
        "ai.onnx:Div ",
    ):
        assert words in result.out


def test_inspect_as_json_has_the_whole_manifest(rtml: Rtml, package: Path) -> None:
    facts = rtml("inspect", "model.rtml", "--json").json
    archive = read_file(package)
    assert facts["id"] == archive.id
    assert facts["bytes"] == package.stat().st_size
    assert facts["onnx_nodes"] == sum(op["count"] for op in facts["ops"])
    assert [field["name"] for field in facts["fields"]] == ["age", "visits", "zip", "member", "seen_at"]
    assert facts["parity"]["checked"] is True


def test_inspect_shows_the_baseline_and_the_metrics(rtml: Rtml, files: Path) -> None:
    options = ("--sample", "rows.csv", "--metric", "auc=0.81", "--metric", "lift at 10 %=2.5")
    assert rtml("compile", "graph.json", "-o", "model.rtml", *options).code == 0
    out = " ".join(rtml("inspect", "model.rtml").out.split())
    for words in (
        "metrics auc 0.81, lift at 10 % 2.5 ",
        "baseline 3 rows of the sample",
        "in the sample missing values age 33% 7 to 41.5, half of them 7 to 41.5 visits 0% 2 to 4, half of them 2 to 4",
        "zip 33% others 100% member 33% false 50%, true 50%",  # two texts of one row each are not kept by name
        "seen_at 33% 2026-01-31T00:00:00Z to 2026-11-21T10:15:00Z",
    ):
        assert words in out
    facts = rtml("inspect", "model.rtml", "--json").json
    assert facts["metrics"] == {"auc": 0.81, "lift at 10 %": 2.5}
    assert facts["baseline"]["rows"] == 3
    assert len(facts["baseline"]["inputs"]) == 5
    assert {node["plugin"] for node in facts["explain"]["nodes"]} >= {"tiny"}


def test_inspect_of_a_package_without_them_says_so(rtml: Rtml, files: Path) -> None:
    rtml("compile", "graph.json", "-o", "bare.rtml")
    out = rtml("inspect", "bare.rtml").out
    assert "metrics   -" in out
    assert "baseline  -" in out
    assert "in the sample" not in out


def test_inspect_says_that_nothing_was_proved(rtml: Rtml, files: Path) -> None:
    rtml("compile", "graph.json", "-o", "raw.rtml", "--no-parity")
    assert "parity    NOT CHECKED" in rtml("inspect", "raw.rtml").out


def test_inspect_shows_categories_and_fields_without_use(rtml: Rtml, package: Path) -> None:
    manifest = read_file(package).manifest
    fields = [msgspec.structs.replace(f, categories=tuple("abcdefgh")) if f.name == "zip" else f for f in manifest.fields]
    fields[0] = msgspec.structs.replace(fields[0], tensor=None)
    text = rtml("inspect", rebuild(package, "other.rtml", fields=tuple(fields))).out
    assert "string?     one of a, b, c, d, e, f and 2 more" in text
    assert "float?      not used" in text


def test_check_runs_the_sample_again(rtml: Rtml, package: Path) -> None:
    result = rtml("check", "model.rtml")
    assert result.code == 0
    assert result.out.endswith("model.rtml is fine\n")
    assert "of the parity sample gave what they gave" in result.out
    facts = rtml("check", "model.rtml", "--json").json
    assert facts["ok"] is True
    assert facts["sample_rows"] > 0


def test_check_finds_a_package_that_does_not_reproduce_its_sample(rtml: Rtml, package: Path) -> None:
    sample = msgspec.json.decode(read_file(package).sample)
    sample["expected"][0]["ratio"] = 99.0
    name = rebuild(package, "wrong.rtml", sample=msgspec.json.encode(sample))
    result = rtml("check", name)
    assert result.code == 1
    assert "does not reproduce its parity sample here: row 0, output 'ratio': expected 99.0" in result.error
    answer = rtml("check", name, "--json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    assert "parity sample" in answer.json["problem"]


def test_check_refuses_a_package_without_proof_unless_told_otherwise(rtml: Rtml, files: Path) -> None:
    rtml("compile", "graph.json", "-o", "raw.rtml", "--no-parity")
    refused = rtml("check", "raw.rtml")
    assert refused.code == 1
    assert "built without the parity gate" in refused.error
    allowed = rtml("check", "raw.rtml", "--allow-unchecked")
    assert allowed.code == 0
    assert "NOT CHECKED" in allowed.out


def test_a_package_that_needs_a_plugin_names_it(rtml: Rtml, package: Path) -> None:
    ops = (
        *read_file(package).manifest.ops,
        OpEntry("geo.haversine.v1", "haversine", "python", 1, "rtml-far", "1.4", "geo", "geo", 1),
    )
    name = rebuild(package, "geo.rtml", ops=ops, portable=False)
    assert "portable  no: needs the python operator geo:haversine 1 from rtml-far 1.4" in rtml("inspect", name).out
    for words, code in ((["check", name], 1), (["score", name, "-i", "rows.csv", "-o", "out.jsonl"], 2)):
        result = rtml(*words)
        assert result.code == code
        assert "needs the python operator geo:haversine 1 of rtml-far 1.4, which is not installed here" in result.error
        assert "pip install" in result.error
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize("command", ["inspect", "check"])
def test_a_missing_package_is_wrong_usage(rtml: Rtml, package: Path, command: str) -> None:
    result = rtml(command, "modl.rtml")
    assert result.code == 2
    assert result.error == "modl.rtml does not exist. Did you mean 'model.rtml'?"
