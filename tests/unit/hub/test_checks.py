"""What a hub takes, and that a package made to do harm harms neither the hub nor what it keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import TensorProto, helper

from rtml_core import Runtime
from rtml_core.errors import PackageError
from rtml_core.package import GRAPH, MODEL, SAMPLE, OpEntry, read_archive, write_archive
from rtml_plugins.hub import checks
from rtml_plugins.hub.checks import Limits, check_package
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.errors import Refused, Unavailable
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import PackageStore
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import manifest, package


def rebuilt(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> bytes:
    """A package whose digests fit and whose model computes `nodes` besides; the last of them gives a double 'waste' [1, 1]."""
    archive = read_archive(package(1))
    model = onnx.load_from_string(archive.model)
    add = helper.make_node("Add", ["plain", "waste"], ["age"])
    where = next(node for node in model.graph.node if node.op_type == "Where")
    where.output[0] = "plain"
    model.graph.node.extend([*nodes, add])
    model.graph.initializer.extend(constants)
    counted = {op.op: op.count for op in archive.manifest.ops}
    for node in (*nodes, add):
        counted[node.op_type] = counted.get(node.op_type, 0) + 1
    ops = tuple(OpEntry("", op, "core", count) for op, count in sorted(counted.items()))
    files = {MODEL: model.SerializeToString(), GRAPH: archive.graph, SAMPLE: archive.sample}
    return write_archive(msgspec.structs.replace(archive.manifest, ops=ops), files)


def shape(name: str, *sizes: int) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [len(sizes)], sizes)


ONE = helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0])


def hungry() -> bytes:
    """Fills 64 GiB when its parity sample is scored, or earlier."""
    nodes = [
        helper.make_node("ConstantOfShape", ["large"], ["filled"], value=ONE),
        helper.make_node("ReduceSum", ["filled"], ["waste"], keepdims=1),
    ]
    return rebuilt(nodes, [shape("large", 1 << 17, 1 << 16)])


def endless() -> bytes:
    """Multiplies matrices for minutes."""
    nodes = [helper.make_node("ConstantOfShape", ["square"], ["m0"], value=ONE)]
    nodes += [helper.make_node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}"]) for i in range(500)]
    nodes += [helper.make_node("ReduceMax", ["m500"], ["waste"], keepdims=1)]
    return rebuilt(nodes, [shape("square", 3000, 3000)])


def test_a_model_that_fails_on_its_own_sample_is_a_refused_package_everywhere() -> None:
    """Data decide, so it is no fault that onnxruntime finds when it loads the model."""
    small = helper.make_tensor("small", TensorProto.DOUBLE, [1], [1.0])
    data = rebuilt([helper.make_node("Gather", ["small", "int64"], ["waste"])], [small])
    with pytest.raises(PackageError, match=r"can't score its parity sample here: .*out of"):
        Runtime.from_bytes(data)
    with pytest.raises(Refused, match="can't score its parity sample here"):
        check_package(data)


def test_a_good_package_passes() -> None:
    data = package(1)
    found = check_package(data)
    assert (found.id, found.size, found.manifest) == (read_archive(data).id, len(data), manifest(data))


def test_a_package_that_wants_too_much_memory_is_refused() -> None:
    with pytest.raises(Refused, match=r"the hub can't take the package.*memory"):
        check_package(hungry(), limits=Limits(memory=1 << 30))


def test_a_package_that_takes_too_long_is_refused() -> None:
    with pytest.raises(Refused, match=r"took more than 2 s"):
        check_package(endless(), limits=Limits(seconds=2))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello", "it is not an rtml package"),
        (package(1)[:-10], "cut off or damaged"),
        (package(1)[:300] + b"x" + package(1)[301:], "was changed after it was built"),
        (package(1, parity=False), "built without the parity gate"),
    ],
)
def test_what_is_no_proved_package_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        check_package(data)


def test_a_process_that_can_not_start_is_no_fault_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_COMMAND", ("-m", "rtml_plugins.hub.not_there"))
    with pytest.raises(Unavailable, match=r"packages can't be checked on this hub: .*not_there"):
        check_package(package(1))


def test_a_process_that_is_killed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checks, "_COMMAND", ("-c", "import os, sys; sys.stdin.buffer.read(); os.write(1, b'ready\\n'); os.abort()")
    )
    with pytest.raises(Refused, match=r"it ended the process that loaded it \(SIGABRT\)"):
        check_package(package(1))


def test_nothing_is_imported_from_the_folder_where_the_hub_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    assert check_package(package(1)).size == len(package(1))


def test_what_a_plugin_prints_is_not_taken_for_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit\natexit.register(lambda: print('{}'))\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    assert check_package(package(1)).id == read_archive(package(1)).id


def test_a_hub_runs_without_what_scores_and_what_authors() -> None:
    program = (
        "import sys, rtml_plugins.hub.hub, rtml_plugins.hub.api.app, rtml_plugins.hub.server;"
        "print(sorted({'numpy', 'onnxruntime', 'onnx', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("what", ["damaged", "unproved", "hungry", "incompatible"])
def test_a_refused_publication_leaves_everything_as_it_was(tmp_path: Path, what: str) -> None:
    """Byte by byte: the files of the database and of the store."""
    data = {
        "damaged": package(1)[:-1],
        "unproved": package(1, parity=False),
        "hungry": hungry(),
        "incompatible": package(1, schema={"age": "float", "visits": "string"}),
    }[what]
    hub = Hub(open_database(tmp_path / "hub.db"), PackageStore(tmp_path / "packages"), limits=Limits(memory=1 << 30))
    try:
        hub.publish("churn", package(2), actor="ada")
        before = everything(hub, tmp_path)
        with pytest.raises(Refused):
            hub.publish("churn", data, actor="ada", regions=["emea"], description="x")
        assert everything(hub, tmp_path) == before
        if what != "incompatible":
            with pytest.raises(Refused):
                hub.publish("another", data, actor="ada")
            assert everything(hub, tmp_path) == before
    finally:
        hub.close()


def test_a_publication_that_fails_in_its_transaction_takes_its_bytes_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = place.open()
    hub.publish("churn", package(1), actor="ada")
    before = sorted(package for package, _ in hub.store.packages()), hub.audit(), hub.revision("na")

    def fail(*_: object) -> None:
        raise RuntimeError("as if the machine had failed here")

    with monkeypatch.context() as patch:
        patch.setattr("rtml_plugins.hub.steering.push", fail)
        with pytest.raises(RuntimeError, match="as if"):
            hub.publish("churn", package(2), actor="ada")
        with pytest.raises(RuntimeError, match="as if"):
            hub.publish("another", package(1), actor="ada")
    assert (sorted(package for package, _ in hub.store.packages()), hub.audit(), hub.revision("na")) == before
    assert [service.name for service in hub.list()[0]] == ["churn"]


def everything(hub: Hub, folder: Path) -> dict[str, bytes]:
    with hub.database.engine.connect() as connection:  # what is in the log beside the file goes into it
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".db-shm"}
