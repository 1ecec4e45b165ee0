"""The .rtml archive: the same every time, every change noticed, every refusal with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Runtime, package
from rtml_core.errors import PackageError
from tests.unit.core.operators_for_tests import Scale, Source

BUILD = """
import pandas as pd
from tests.unit.core.operators_for_tests import Scale, Source
graph = Source(schema={"a": "float?", "b": "float", "s": "string?"}) >> Scale(col="a", by=0.5, into="half")
print(graph.compile(pd.DataFrame({"a": [1.0, None], "b": [2.0, 3.0], "s": ["x", "é"]})).id)
"""


@pytest.fixture(scope="module")
def data() -> bytes:
    graph = Source(schema={"a": "float?", "b": "float"}) >> Scale(col="a", by=0.5, into="half")
    return graph.compile(pd.DataFrame({"a": [1.0, None], "b": [2.0, 3.0]})).data


def rewritten(data: bytes, **changes: object) -> bytes:
    """The same package with fields of its manifest changed and all digests made right again."""
    archive = package.read_archive(data)
    manifest = msgspec.structs.replace(archive.manifest, **changes)
    return package.write_archive(
        manifest, {"model.onnx": archive.model, "graph.json": archive.graph, "sample.json": archive.sample}
    )


def test_two_processes_build_the_same_id() -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    ids = {
        subprocess.run(
            [sys.executable, "-c", BUILD], env={**environment, "PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert len(ids) == 1
    assert len(ids.pop()) == 64


def test_it_holds_model_manifest_graph_and_sample(data: bytes) -> None:
    archive = package.read_archive(data)
    assert archive.id == data[-64:].decode()
    assert archive.manifest.parity.checked
    assert archive.manifest.portable
    assert [field.name for field in archive.manifest.fields] == ["a", "b"]
    assert archive.manifest.fields[1].tensor is None or archive.manifest.fields[1].index >= 0
    assert msgspec.json.decode(archive.graph)["rtml"] == 1
    assert len(msgspec.json.decode(archive.sample)["rows"]) > 2


@given(position=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_is_noticed(data: bytes, position: int, bit: int) -> None:
    broken = bytearray(data)
    broken[position % len(data)] ^= 1 << bit
    with pytest.raises(PackageError):
        package.read_archive(bytes(broken))


@given(keep=st.floats(0, 0.9999))
def test_a_package_cut_anywhere_is_refused(data: bytes, keep: float) -> None:
    with pytest.raises(PackageError):
        package.read_archive(data[: int(len(data) * keep)])


@given(st.binary(max_size=300))
def test_any_other_file_is_refused(junk: bytes) -> None:
    with pytest.raises(PackageError):
        package.read_archive(junk)


def test_each_refusal_says_why(data: bytes) -> None:
    with pytest.raises(PackageError, match=r"no zip archive. Was another file renamed to .rtml\?"):
        package.read_archive(b"date,price\n1,2\n")
    with pytest.raises(PackageError, match="cut off or damaged: the archive has no end"):
        package.read_archive(data[: len(data) // 2])
    with pytest.raises(PackageError, match="was changed after it was built"):
        package.read_archive(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    with pytest.raises(PackageError, match="package format 99; this rtml reads up to 1: upgrade rtml"):
        package.read_archive(rewritten(data, format=99))


def test_built_without_the_gate_it_says_so_and_is_refused_unless_asked() -> None:
    made = (Source(schema={"a": "float"}) >> Scale(col="a")).compile(parity=False)
    assert not made.manifest.parity.checked
    with pytest.raises(PackageError, match=r"built without the parity gate.*allow_unchecked"):
        Runtime.from_bytes(made.data)
    assert Runtime.from_bytes(made.data, allow_unchecked=True).score({"a": 2.0}) == {"a": 4.0}


def test_a_custom_operator_that_is_not_there_names_what_to_install(data: bytes) -> None:
    op = package.OpEntry("geo.haversine.v1", "haversine", "python", 1, "rtml-far", "1.4", "geo", "geo", 1)
    archive = package.read_archive(data)
    with pytest.raises(
        PackageError, match=r"needs the python operator geo:haversine 1 of rtml-far 1.4.*pip install rtml-far==1.4"
    ):
        Runtime.from_bytes(rewritten(data, ops=(*archive.manifest.ops, op), portable=False))


def test_a_sample_that_is_not_reproduced_is_refused(data: bytes) -> None:
    archive = package.read_archive(data)
    sample = msgspec.json.decode(archive.sample)
    sample["expected"][0]["half"] = 123.0
    files = {"model.onnx": archive.model, "graph.json": archive.graph, "sample.json": msgspec.json.encode(sample)}
    with pytest.raises(PackageError, match=r"does not reproduce its parity sample here: row 0, output 'half': expected 123.0"):
        Runtime.from_bytes(package.write_archive(archive.manifest, files))


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, data: bytes) -> None:
    target = tmp_path / "m.rtml"
    package.write_atomically(target, data)
    assert package.read_file(target).id == data[-64:].decode()
    with pytest.raises(PackageError, match="can't be written"):
        package.write_atomically(tmp_path / "nowhere" / "m.rtml", data)
    with pytest.raises(PackageError, match="can't be written"):
        package.write_atomically(tmp_path, data)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.rtml"]
    with pytest.raises(PackageError, match="can't be read: No such file"):
        package.read_file(tmp_path / "none.rtml")
