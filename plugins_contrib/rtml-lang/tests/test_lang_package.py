"""A package with rtml-lang's operators: it says that it is not portable, and runs where rtml-lang is trusted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from rtml_lang.cases import CASES
from rtml_lang.ops import TITLE_CASE, TRANSLITERATE

from rtml_core import Graph, Runtime
from rtml_core import operators as op
from rtml_core.custom_ops import apply
from rtml_core.errors import CompileError, PackageError, PluginError
from rtml_core.package import read_file
from rtml_core.testing import assert_custom_op, assert_row_wise

ROWS: list[dict[str, Any]] = [{"name": "JAN VAN DER ijssel", "city": "'s-Gravenhage"}, {"name": None, "city": "ÅRHUS of BMW"}]
ANSWERS = [
    {"name": "Jan van der IJssel", "city": "'s-Gravenhage", "ascii": "'s-Gravenhage"},
    {"name": None, "city": "Århus of BMW", "ascii": "Aarhus of BMW"},
]


def graph() -> Any:
    return (
        op.Receiver(schema={"name": "string?", "city": "string?"})
        >> op.TitleCase(cols=["name", "city"], language="nl", keep=["BMW"])
        >> op.Transliterate(cols="city", into="ascii", language="da")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the graph, its package and rows."""
    made = tmp_path_factory.mktemp("lang")
    (made / "graph.json").write_text(json.dumps(graph().to_dsl()))
    (made / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    graph().compile().save(made / "m.rtml")
    return made


def rtml(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """The command line in a process of its own: exit code, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "rtml_core.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables},
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_package_says_that_it_is_not_portable(folder: Path) -> None:
    code, out, err = rtml(folder, "compile", "graph.json", "-o", "again.rtml")
    assert (code, err) == (0, "")
    assert ", not portable\nNot portable: needs the python operator lang:title_case 1 from rtml-lang 0.1.0" in out
    assert "lang:transliterate 1" in out
    code, out, err = rtml(folder, "compile", "graph.json", "-o", "p.rtml", "--portable")
    assert code != 0
    assert "Node 2 (TitleCase): the package would be not portable: needs the python operator lang:title_case 1" in err
    assert not (folder / "p.rtml").exists()
    with pytest.raises(CompileError, match="not portable"):
        graph().compile(portable=True)


def test_the_manifest_says_whose_operators_in_which_version_and_unicode(folder: Path) -> None:
    entries = {entry.op: entry for entry in read_file(folder / "m.rtml").manifest.ops if entry.kind == "python"}
    assert set(entries) == {"title_case", "transliterate"}
    for entry in entries.values():
        told = (entry.custom, entry.op_version, entry.distribution, entry.version, entry.plugin, entry.unicode)
        assert told == ("lang", 1, "rtml-lang", "0.1.0", "lang", unicodedata.unidata_version)


def test_a_runtime_scores_where_the_plugin_is_trusted(folder: Path) -> None:
    score = ("score", "m.rtml", "-i", "rows.jsonl", "-o", "-", "-q")
    code, out, err = rtml(folder, *score)
    assert (code, out) == (2, "")
    assert err == (
        "Error: m.rtml needs the python operator lang:title_case 1 of rtml-lang 0.1.0, which runs code of that distribution in"
        " this process, and it is not trusted here. If you trust it, say so: trust=['rtml-lang'], --trust rtml-lang, or"
        " RTML_TRUST=rtml-lang\n"
    )
    for trusting in (rtml(folder, *score, "--trust", "rtml-lang"), rtml(folder, *score, RTML_TRUST="rtml_lang")):
        assert trusting[0] == 0, trusting[2]
        assert [json.loads(line) for line in trusting[1].splitlines()] == ANSWERS


def test_in_this_process_too(folder: Path) -> None:
    with pytest.raises(PackageError, match="is not trusted here"):
        Runtime.from_file(folder / "m.rtml", trust=["rtml-geo"])
    runtime = Runtime.from_file(folder / "m.rtml", trust=["rtml-lang"])
    assert runtime.score(ROWS) == ANSWERS
    assert [runtime.score(row) for row in ROWS] == ANSWERS


def test_the_example_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (code,) = re.findall(r"```py\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["graph"].compile().score(ROWS[0]) == {
        "name": "Jan van der IJssel", "city": "'s-Gravenhage", "city_ascii": "'s-Gravenhage"
    }  # fmt: skip
    (tmp_path / "names.json").write_text(json.dumps(names["graph"].to_dsl()))
    code_, out, _ = rtml(tmp_path, "compile", "names.json", "-o", "names.rtml")
    said = re.sub(r"[\d,]+ bytes", "... bytes", out).splitlines()
    shown = [line.strip() for line in readme.splitlines() if line.startswith(("    Wrote", "    Not portable"))]
    assert (code_, said[:2]) == (0, shown)


def test_a_graph_goes_through_json_and_answers_the_same(folder: Path) -> None:
    again = Graph.from_dsl(json.loads((folder / "graph.json").read_text()))
    assert again.compile().score(ROWS) == ANSWERS


SCORE = """
import sys
from rtml_core import Runtime
runtime = Runtime.from_file("m.rtml", trust=["rtml-lang"])
print(runtime.score_row({"name": "a", "city": None})["name"])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"onnx", "onnx_ir", "pandas", "sklearn", "scipy"}))
"""


def test_a_runtime_imports_no_authoring_side_for_it(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCORE], cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout == "A\n[]\n"


OTHER_TABLES = """
import anyascii
from rtml_core import Runtime, RtmlError
anyascii.__version__ = "9.9"
try:
    Runtime.from_file("m.rtml", trust=["rtml-lang"])
except RtmlError as error:
    print(error)
"""


def test_a_runtime_with_other_tables_refuses_the_package(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", OTHER_TABLES], cwd=folder, check=True, capture_output=True, text=True)
    assert "the custom operator lang:transliterate 1" in done.stdout
    assert "tables of anyascii 0.3.3, installed is 9.9: pip install anyascii==0.3.3" in done.stdout


@pytest.mark.parametrize("declared", [TITLE_CASE, TRANSLITERATE], ids=str)
def test_the_parity_cases_are_rows_of_the_operator(declared: Any) -> None:
    declared.check()
    cases = declared.parity_cases()
    assert len(cases) >= 10
    for columns, arguments in cases:
        (answer,) = apply(declared, *columns, **arguments)
        assert len(answer) == len(CASES) + 1
        assert [text is None for text in answer] == [text is None for text in columns[0]]
    assert declared.unicode


@pytest.mark.parametrize("declared", [TITLE_CASE, TRANSLITERATE], ids=str)
def test_the_operator_in_onnxruntime_is_its_body(declared: Any) -> None:
    assert assert_custom_op(declared, rows=24) >= 10 * len(CASES)


@pytest.mark.parametrize("cls", [op.TitleCase, op.Transliterate], ids=lambda cls: cls.name)
def test_a_row_answers_for_itself(cls: Any) -> None:
    examples = cls.examples()
    assert len(examples) >= 10
    for example in examples:
        assert_row_wise(example, example.parity_cases())


def test_arguments_are_checked() -> None:
    with pytest.raises(PluginError, match=r"lang:title_case 1: it takes no argument 'langage'. .*Did you mean 'language'"):
        apply(TITLE_CASE, ["a"], langage="en", keep=[])
