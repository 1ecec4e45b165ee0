"""Portable packages are scored by onnxruntime alone, by the script of the documentation, where rtml can't be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import onnxruntime
import onnxruntime_extensions
import pytest

from rtml_core import operators as op
from tests.integration.portable import CASES, CORE, EXAMPLES, REFUSED, Row, bits, compiled, lines, moments, package, refused_row

SCRIPT = EXAMPLES / "score_onnxruntime.py"
FORBIDDEN = ("rtml_core", "rtml_plugins", "rtml", "pandas", "onnx", "sklearn", "msgspec")
#: runs a script without the site-packages, with the folder of the first argument in their place
ALONE = f"""
import importlib.util, runpy, sys
sys.path.append(sys.argv[1])
del sys.argv[:2]
found = [name for name in {FORBIDDEN} if importlib.util.find_spec(name)]
assert not found, found
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    imported = set({FORBIDDEN}) & {{name.partition(".")[0] for name in sys.modules}}
    assert not imported, imported
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two folders of libraries: what a reader needs for any portable package ("all"), and without the extensions ("core")."""
    made = {}
    for name, modules in {"all": (numpy, onnxruntime, onnxruntime_extensions), "core": (numpy, onnxruntime)}.items():
        folder = made[name] = tmp_path_factory.mktemp(name)
        for module in modules:
            home = Path(str(module.__file__)).parent
            for part in (home, home.with_name(f"{home.name}.libs")):
                if part.exists():
                    (folder / part.name).symlink_to(part)
    return made


def score(library: Path, path: Path, rows: list[Row], script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    """The script on rows, in a process that has nothing but the libraries. -I: no environment, -S: no site-packages."""
    command = [sys.executable, "-I", "-S", "-W", "error", "-X", "utf8", "-c", ALONE, str(library), str(script), str(path)]
    return subprocess.run(command, input=lines(rows), capture_output=True, encoding="utf-8", errors="surrogatepass")


def answers(done: subprocess.CompletedProcess[str]) -> list[Row]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_a_package_answers_the_same_without_rtml(name: str, libraries: dict[str, Path], tmp_path: Path) -> None:
    rows = CASES[name].rows
    library = libraries["core" if name in CORE else "all"]
    given = answers(score(library, package(name, tmp_path), rows))
    assert len(given) == len(rows)
    assert bits(name, given) == bits(name, compiled(name).runtime.score(rows))


def test_more_rows_than_a_batch_and_none(libraries: dict[str, Path], tmp_path: Path) -> None:
    path = package("checks", tmp_path)
    rows = [{"x": float(number), "colour": "red"} for number in range(2_500)]
    assert answers(score(libraries["core"], path, rows)) == compiled("checks").runtime.score(rows)
    assert answers(score(libraries["core"], path, [])) == []
    done = score(libraries["core"], path, [*rows, {"x": 1.0, "colour": "blue"}])
    assert done.stderr == "Error: /2500: a value of 'colour' that is none of its 2 categories: red, é\n"


# One process for many rows, each scored by itself.
EACH = """
import functools, json, runpy, sys
load = functools.cache(runpy.run_path(sys.argv[1])["Package"])
for path, row in json.loads(sys.stdin.buffer.read()):
    try:
        print(json.dumps(load(path).score([row])[0]))
    except (ValueError, OverflowError) as error:
        print(json.dumps(str(error)))
"""


def each(library: Path, folder: Path, jobs: list[tuple[Path, Row]]) -> list[Any]:
    """For each package and row the answer, or the words of the refusal."""
    driver = folder / "each.py"
    driver.write_text(EACH)
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", ALONE, str(library), str(driver), str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps([(str(path), row) for path, row in jobs]), capture_output=True, text=True)
    return answers(done)


def test_what_rtml_refuses_is_refused_with_its_place(libraries: dict[str, Path], tmp_path: Path) -> None:
    jobs = [(package(name, tmp_path), refused_row(name, changed)) for name, changed, _ in REFUSED]
    missing = {name: value for name, value in CASES["numbers"].rows[0].items() if name != "l"}
    given = each(libraries["core"], tmp_path, [*jobs, (package("numbers", tmp_path), missing)])
    for (name, changed, at), words in zip([*REFUSED, ("numbers", {}, "/0/l")], given, strict=True):
        assert isinstance(words, str), (name, changed)
        assert words.startswith(f"{at}: "), (name, changed, words)


def test_timestamps_are_read_by_the_same_grammar(libraries: dict[str, Path], tmp_path: Path) -> None:
    data, rows, expected = moments()
    path = tmp_path / "moments.rtml"
    path.write_bytes(data)
    given = each(libraries["core"], tmp_path, [(path, row) for row in rows])
    for row, got, wanted in zip(rows, given, expected, strict=True):
        if wanted is None:
            assert isinstance(got, str), row
            assert got.startswith("/0/at: expected timestamp"), row
        elif not 1 <= wanted["year"] <= 9999:
            assert got == "date value out of range", row
        else:
            assert got == wanted, row


def test_a_package_that_is_not_portable_or_damaged_is_refused(libraries: dict[str, Path], tmp_path: Path) -> None:
    title = op.Receiver(schema={"text": "string"}) >> op.Pandas(import_="str.title", cols="text", inplace=True)
    path = tmp_path / "title.rtml"
    path.write_bytes(title.compile().data)
    done = score(libraries["all"], path, [])
    assert (done.returncode, done.stderr) == (1, f"Error: {path} is not portable: it needs rtml's runtime and a plugin\n")
    data = bytearray(compiled("checks").data)
    data[500] ^= 1
    path.write_bytes(data)
    done = score(libraries["all"], path, [])
    assert (done.returncode, done.stderr) == (1, f"Error: {path} is no rtml package, or was changed after it was built\n")


def test_the_sample_is_compared(libraries: dict[str, Path], tmp_path: Path) -> None:
    """A package whose sample says something else is not one that was proved."""
    from rtml_core.package import GRAPH, MODEL, SAMPLE, read_archive, write_archive

    archive = read_archive(compiled("trees").data)
    sample = json.loads(archive.sample)
    sample["expected"][3]["again"] += 1e-6
    members = {MODEL: archive.model, GRAPH: archive.graph, SAMPLE: json.dumps(sample).encode()}
    path = tmp_path / "other.rtml"
    path.write_bytes(write_archive(archive.manifest, members))
    done = score(libraries["core"], path, [])
    assert done.returncode == 1
    assert f"{path} does not reproduce its sample here: row 3, 'again': expected " in done.stderr
