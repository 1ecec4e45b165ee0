"""Packages with the operators: which are portable, what a runtime asks of the others, and that no other library is run."""

from __future__ import annotations

import importlib.machinery
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rtml_geo
from rtml_geo import cost
from rtml_geo.custom import OPERATORS

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.errors import CompileError, PackageError
from rtml_core.package import read_file
from rtml_core.testing import assert_refuses, frame

ROWS: list[dict[str, Any]] = [
    {"lat": 48.137, "lon": 11.575, "to_lat": 53.551, "to_lon": 9.993},
    {"lat": None, "lon": 11.575, "to_lat": 53.551, "to_lon": 9.993},
    {"lat": 90.0, "lon": 360.0, "to_lat": -90.0, "to_lon": 0.0},
]
ZONES = {"bavaria": [[47.3, 9.0], [47.3, 13.8], [50.5, 12.0], [50.5, 9.5]], "pole": [[89.0, -180.0], [89.0, 180.0], [90.0, 0.0]]}


def graph(using: str) -> Any:
    return (
        op.Receiver(schema=dict.fromkeys(ROWS[0], "float?"))
        >> op.Haversine(origin=("lat", "lon"), target=("to_lat", "to_lon"), using=using)
        >> op.Geohash(point=("lat", "lon"), precision=5, using=using)
        >> op.Zone(point=("lat", "lon"), zones=ZONES, using=using)
    )


def answers(score: Any) -> list[tuple[Any, ...]]:
    found = [score(row) for row in ROWS]
    return [(row["distance_km"] and round(row["distance_km"], 3), row["geohash"], row["zone"]) for row in found]


EXPECTED = [(612.13, "u281z", "bavaria"), (None, None, None), (20015.114, "upbpb", None)]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of each form."""
    folder = tmp_path_factory.mktemp("packages")
    made = {using: folder / f"{using}.rtml" for using in cost.FORMS}
    for using, path in made.items():
        graph(using).compile().save(path)
    return made


def test_formulas_and_functions_are_portable(packages: dict[str, Path]) -> None:
    for using in ("formula", "function"):
        assert answers(Runtime.from_file(packages[using]).score) == EXPECTED
        assert read_file(packages[using]).manifest.portable
    functions = {entry.label for entry in read_file(packages["function"]).manifest.ops if entry.kind == "function"}
    assert functions == {"geo:haversine 1", "geo:geohash 1", "geo:in_polygon 1"}


@pytest.mark.parametrize("using", ["native", "python"])
def test_native_and_python_operators_run_where_they_are_trusted(packages: dict[str, Path], using: str) -> None:
    assert answers(Runtime.from_file(packages[using], trust=["rtml-geo"]).score) == EXPECTED
    with pytest.raises(PackageError, match=rf"needs the {using} operator geo\.{using}:\w+ 1 of rtml-geo .*not trusted here"):
        Runtime.from_file(packages[using])
    with pytest.raises(CompileError, match=rf"not portable: needs the {using} operator geo\.{using}:\w+ 1 from rtml-geo"):
        graph(using).compile(portable=True)


def score(package: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`rtml score` in a process of its own."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    words = ["score", str(package), "--input", "rows.jsonl", "--output", "-", "--trust", "rtml-geo", "--quiet"]
    return subprocess.run(
        [sys.executable, "-m", "rtml_core.cli", *words],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def another(folder: Path) -> Path:
    """A copy of the package rtml_geo in a folder; the path of its library."""
    copied = folder / "site" / "rtml_geo"
    shutil.copytree(Path(rtml_geo.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    (library,) = (
        path for path in copied.iterdir() if path.name in {f"_native{s}" for s in importlib.machinery.EXTENSION_SUFFIXES}
    )
    return library


def test_another_build_of_the_library_is_refused(packages: dict[str, Path], tmp_path: Path) -> None:
    library = another(tmp_path)
    site = {"PYTHONPATH": str(tmp_path / "site")}
    same = score(packages["native"], tmp_path, **site)
    assert same.returncode == 0, same.stderr
    assert [json.loads(line)["zone"] for line in same.stdout.splitlines()] == ["bavaria", None, None]
    library.write_bytes(library.read_bytes() + b"\0")
    changed = score(packages["native"], tmp_path, **site)
    assert changed.returncode == 2
    assert "was compiled with another build of the library of its native operator geo.native:" in changed.stderr
    library.unlink()
    absent = score(packages["native"], tmp_path, **site)
    assert absent.returncode == 2
    assert " 1 is not built for" in absent.stderr


def test_without_the_library_the_rest_works(tmp_path: Path) -> None:
    another(tmp_path).unlink()
    program = (
        "import rtml_geo, pandas as pd\n"
        "from rtml_core import operators as op\n"
        "from rtml_core.errors import RtmlError\n"
        "from rtml_core.testing import assert_parity\n"
        f"assert rtml_geo.__file__.startswith({str(tmp_path)!r})\n"
        "rows = pd.DataFrame({'lat': [48.137], 'lon': [11.575]})\n"
        "node = {form: op.Geohash(point=('lat', 'lon'), using=form) for form in ('formula', 'function', 'native', 'python')}\n"
        "for form in ('formula', 'function', 'python'):\n"
        "    assert_parity(node[form], rows)\n"
        "print(node['native'].process(rows).data['geohash'].item())\n"
        "try:\n"
        "    (op.Receiver(schema={'lat': 'float', 'lon': 'float'}) >> node['native']).compile()\n"
        "except RtmlError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("u281z7h\n")
    assert "the native operator geo.native:geohash 1 is not built for" in done.stdout


def test_the_library_exports_one_function() -> None:
    import ctypes

    from rtml_core.custom_ops.native import library_path

    path = library_path(OPERATORS["geohash"]["native"])
    assert path is not None
    library = ctypes.CDLL(path)
    assert library.RegisterCustomOps
    assert not hasattr(library, "PyInit__native")


def test_the_cost_of_each_form_is_measured_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = list(cost.operators())
    few = {title: cost.operators()[title] for title in titles[2:3]}
    monkeypatch.setattr(cost, "operators", lambda: few)
    monkeypatch.setattr(sys, "argv", ["cost", "--rounds", "1", "--calls", "2"])
    cost.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| one row, µs | formula | function | native | python |"
    assert titles == ["Haversine", "Geohash, 7 characters", "InPolygon, 4 corners", "InPolygon, 100 corners"]
    assert [line.count("(") for line in lines[2:3]] == [4]
    assert lines[2].startswith("| InPolygon, 4 corners |")
    assert lines[-1].startswith("A package that does nothing takes")


def test_a_frame_of_edge_values_is_scored_alike_by_all_forms(packages: dict[str, Path]) -> None:
    rows = frame(dict.fromkeys(ROWS[0], "float?"), rows=60, seed=3).astype(object)
    given = [{name: None if value != value else value for name, value in row.items()} for row in rows.to_dict("records")]
    runtimes = [Runtime.from_file(path, trust=["rtml-geo"]) for path in packages.values()]
    for row in given:
        found = [runtime.score(row) for runtime in runtimes]
        assert all((one["geohash"], one["zone"]) == (found[0]["geohash"], found[0]["zone"]) for one in found)
        distances = [one["distance_km"] for one in found]
        assert distances == [None] * 4 or distances == pytest.approx([distances[0]] * 4, rel=1e-12, abs=1e-8)


def test_text_in_place_of_a_number_is_refused_by_all_forms() -> None:
    for using in cost.FORMS:
        assert_refuses(
            op.Haversine(origin=("a", "b"), target=("a", "b"), using=using), frame({"a": "string", "b": "float"}), "string"
        )
