"""Portable packages are scored by onnxruntime-node, by the script of the documentation: the answers are those of the runtime."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import File, Python, blocks
from tests.integration.portable import CASES, CORE, EXAMPLES, REFUSED, ROOT, bits, compiled, lines, moments, package, refused_row

#: where .ci/run installs it; git does not see it
INSTALLED = ROOT / "build" / "node" / "node_modules"
#: how a person gets it
COMMAND = "npm install --prefix build/node --ignore-scripts onnxruntime-node"


def absent() -> str:
    """What is missing to run these tests, and how to get it; "" when all is there."""
    if shutil.which("node") is None:
        return "Node.js is not installed (Debian: apt-get install nodejs npm)"
    if not (INSTALLED / "onnxruntime-node").is_dir():
        return f"onnxruntime-node is not installed: {COMMAND}"
    return ""


def require(missing: str) -> None:
    """Skip where something is missing; in CI that is a failure."""
    if missing and "CI" in os.environ:
        pytest.fail(f"CI runs these tests: {missing}")
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the page tells a reader to make it: the script, and onnxruntime-node installed beside it."""
    require(absent())
    made = tmp_path_factory.mktemp("node")
    shutil.copy(EXAMPLES / "score.mjs", made)
    (made / "node_modules").symlink_to(INSTALLED)
    return made


def node(folder: Path, script: str, *arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    command = ["node", script, *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, cwd=folder, encoding="utf-8", errors="surrogatepass")


def answers(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", CORE)
def test_a_package_answers_the_same_in_node(name: str, folder: Path) -> None:
    rows = CASES[name].rows
    given = answers(node(folder, "score.mjs", package(name, folder), given=lines(rows)))
    assert len(given) == len(rows)
    for row in given:  # in JSON of JavaScript 1.0 is 1
        row.update({key: float(row[key]) for key in floats(name) if row[key] is not None})
    assert bits(name, given) == bits(name, compiled(name).runtime.score(rows))


def floats(name: str) -> list[str]:
    return [output.name for output in compiled(name).manifest.outputs if output.dtype.startswith("float")]


def test_more_rows_than_a_batch_and_none(folder: Path) -> None:
    path = package("checks", folder)
    rows = [{"x": number + 0.5, "colour": "red"} for number in range(2_500)]
    assert answers(node(folder, "score.mjs", path, given=lines(rows))) == compiled("checks").runtime.score(rows)
    assert answers(node(folder, "score.mjs", path)) == []
    done = node(folder, "score.mjs", path, given=lines([*rows, {"x": 1.0, "colour": "blue"}]))
    assert (done.returncode, done.stderr) == (1, "Error: /2500: a value of 'colour' that is none of its 2 categories: red, é\n")
    assert len(done.stdout.splitlines()) == 2_048


def test_the_page_shows_what_is_answered(folder: Path) -> None:
    """What the page says of Node.js; test_pages runs the rest of it."""
    page = ROOT / "docs" / "how-to" / "score-without-rtml.md"
    first, *_ = [step.source for step in blocks(page) if isinstance(step, Python)]
    (rows,) = [step.text for step in blocks(page) if isinstance(step, File) and step.name == "rows.jsonl"]
    subprocess.run([sys.executable, "-c", first], cwd=folder, check=True, capture_output=True)
    done = node(folder, "score.mjs", "visits.rtml", given=rows)
    assert f"node score.mjs visits.rtml < rows.jsonl\n```\n\n```json\n{done.stdout}```\n" in page.read_text()


# ---- as a module ------------------------------------------------------------------------------------------------------

#: scores each row by itself; a refusal is its words
EACH = """
import { readFileSync } from "node:fs";
import { load } from "./score.mjs";
const loaded = {};
for (const [path, row] of JSON.parse(readFileSync(0, "utf8"))) {
  loaded[path] ??= await load(path);
  try {
    console.log(JSON.stringify((await loaded[path].score([row]))[0]));
  } catch (error) {
    console.log(JSON.stringify(error.message));
  }
}
"""


def each(folder: Path, jobs: list[tuple[Path, dict[str, Any]]]) -> list[Any]:
    """For each package and row the answer, or the words of the refusal."""
    (folder / "each.mjs").write_text(EACH)
    return answers(node(folder, "each.mjs", given=json.dumps([(str(path), row) for path, row in jobs])))


def test_what_rtml_refuses_is_refused_with_its_place(folder: Path) -> None:
    jobs = [(package(name, folder), refused_row(name, changed)) for name, changed, _ in REFUSED]
    missing = {name: value for name, value in CASES["numbers"].rows[0].items() if name != "l"}
    given = each(folder, [*jobs, (package("numbers", folder), missing)])
    for (name, changed, at), words in zip([*REFUSED, ("numbers", {}, "/0/l")], given, strict=True):
        assert isinstance(words, str), (name, changed)
        assert words.startswith(at), (name, changed, words)


def test_timestamps_are_read_by_the_same_grammar(folder: Path) -> None:
    data, rows, expected = moments()
    path = folder / "moments.rtml"
    path.write_bytes(data)
    for row, got, wanted in zip(rows, each(folder, [(path, row) for row in rows]), expected, strict=True):
        if wanted is None:
            assert isinstance(got, str), row
            assert got.startswith("/0/at: expected timestamp"), row
        elif not 1 <= wanted["year"] <= 9999:
            assert got.endswith("is beyond the years 1 to 9999"), row
        else:
            assert got == wanted, row


BIG = """
import { load } from "./score.mjs";
const model = await load(process.argv[2]);
const row = { a: null, b: -0, n: 9007199254740993n, m: 9007199254740992n, k: true, l: null };
const [answer] = await model.score([row]);
console.log(answer.n === row.n, answer.m === 2 ** 53, answer.l === null, Object.is(answer.b, -0), Object.keys(answer).length);
for (const changed of [{ b: NaN }, { b: undefined }, { n: 2 ** 53 }, { n: "1" }, { m: 2n ** 53n + 1n }, { b: 10n ** 400n }]) {
  await model.score([{ ...row, ...changed }]).catch((error) => console.log(error.message.slice(0, 4)));
}
"""


def test_whole_numbers_beyond_a_javascript_number_are_big_ints(folder: Path) -> None:
    (folder / "big.mjs").write_text(BIG)
    done = node(folder, "big.mjs", package("numbers", folder))
    refused = ["/0/b", "/0/b", "/0/n", "/0/n", "/0/m", "/0/b"]
    assert (done.stdout.splitlines(), done.stderr) == (["true true true true 10", *refused], "")


# ---- packages that it can't score -------------------------------------------------------------------------------------


def test_a_package_with_extensions_is_refused_by_the_name_of_its_operators(folder: Path) -> None:
    path = package("texts", folder)
    done = node(folder, "score.mjs", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {path} needs operators that onnxruntime-node can't load: ai.onnx.contrib:String")
    assert "(extension)" in done.stderr


def test_a_damaged_package_is_refused_and_so_is_none(folder: Path) -> None:
    data = bytearray(compiled("checks").data)
    data[500] ^= 1
    path = folder / "damaged.rtml"
    path.write_bytes(data)
    done = node(folder, "score.mjs", path)
    assert (done.returncode, done.stderr) == (1, f"Error: {path} is no rtml package, or was changed after it was built\n")
    done = node(folder, "score.mjs")
    assert (done.returncode, done.stderr) == (1, "Error: name a package: node score.mjs PACKAGE.rtml < rows.jsonl\n")


def test_the_sample_is_compared(folder: Path) -> None:
    """A package whose sample says something else is not one that was proved."""
    from rtml_core.package import GRAPH, MODEL, SAMPLE, read_archive, write_archive

    archive = read_archive(compiled("trees").data)
    sample = json.loads(archive.sample)
    sample["expected"][3]["again"] += 1e-6
    members = {MODEL: archive.model, GRAPH: archive.graph, SAMPLE: json.dumps(sample).encode()}
    path = folder / "other.rtml"
    path.write_bytes(write_archive(archive.manifest, members))
    done = node(folder, "score.mjs", path)
    assert done.returncode == 1
    assert f"{path} does not reproduce its sample here: row 3, 'again': expected " in done.stderr


def test_what_is_missing_is_said_and_never_skipped_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(globals(), "INSTALLED", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert absent() == f"onnxruntime-node is not installed: {COMMAND}"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert absent() == "Node.js is not installed (Debian: apt-get install nodejs npm)"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"CI runs these tests: Node\.js is not installed"):
        require(absent())
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match=r"^Node\.js is not installed"):
        require(absent())
