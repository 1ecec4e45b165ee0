"""A package of `rtml plugins new`, unedited: built and installed by pip, tried as its author would, and taken away again."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rtml_core.cli import plugin_check_contract
from rtml_core.cli.scaffold import contents, write
from rtml_core.cli.scaffold_names import Names
from tests.docs.environment import Environment

NAMES = Names("sales-tax", "SalesTax")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is written."""
    folder = tmp_path_factory.mktemp("author") / NAMES.distribution
    write(folder, contents(NAMES))
    return folder


@pytest.fixture(scope="module")
def environment(package: Path) -> Environment:
    """An environment in which it is installed as users have it: from its wheel."""
    made = Environment(package.parent / "environment")
    made.install(package, editable=False)
    return made


def test_its_wheel_brings_the_operator(environment: Environment, package: Path) -> None:
    shown = json.loads(environment.run("rtml", "operators", "show", "SalesTax", "--json", cwd=package.parent))
    assert (shown["plugin"], shown["distribution"], shown["distribution_version"]) == ("sales-tax", "rtml-sales-tax", "0.1.0")
    assert shown["lowers"] is True
    assert [parameter["name"] for parameter in shown["parameters"]] == ["col", "half", "into"]
    assert all(parameter["text"] for parameter in shown["parameters"])
    (typed,) = (environment.bin.parent / "lib").glob("python*/site-packages/rtml_sales_tax/py.typed")
    assert typed.read_bytes() == b""


def test_its_tests_pass(environment: Environment, package: Path) -> None:
    assert re.search(r"^\d+ passed in ", environment.run("pytest", "-q", "-p", "no:cacheprovider", cwd=package), re.MULTILINE)


def test_its_tests_notice_an_operator_that_is_wrong(environment: Environment, package: Path) -> None:
    source = package / "rtml_sales_tax" / "operators.py"
    right = source.read_text()
    source.write_text(right.replace("(x + self.params.half)", "(x - self.params.half)"))
    try:
        with pytest.raises(AssertionError, match="test_what_it_computes"):
            # python -m: the source in this folder goes before the installed module
            environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "what_it_computes", cwd=package)
    finally:
        source.write_text(right)


def test_the_check_asks_for_words_only(environment: Environment, package: Path) -> None:
    (report,) = json.loads(environment.run("rtml", "plugins", "check", "--json", cwd=package))
    assert (report["plugin"], report["errors"]) == ("sales-tax", 0)
    wanted = {(f["check"], f["what"]) for f in report["findings"] if f["level"] == "warning" and f["check"] != "start-up"}
    assert wanted == {("package", "the description is still the template's"), ("package", "it has no licence")}


def test_it_compiles_and_scores(environment: Environment, package: Path) -> None:
    folder = package.parent
    nodes = [
        {"id": "request", "operator": "Receiver", "params": {"schema": {"total": "float?"}}},
        {"id": "tax", "operator": "SalesTax", "params": {"col": "total", "half": 4}},
    ]
    graph = {"rtml": 1, "nodes": nodes, "edges": [["request", "tax"]], "outputs": {"tax": "sales_tax"}}
    (folder / "graph.json").write_text(json.dumps(graph))
    (folder / "rows.jsonl").write_text('{"total": 12}\n{"total": null}\n')
    environment.run("rtml", "compile", "graph.json", "-o", "model.rtml", cwd=folder)
    environment.run("rtml", "score", "model.rtml", "--input", "rows.jsonl", "--output", "scores.jsonl", cwd=folder)
    assert [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()] == [{"tax": 0.75}, {"tax": None}]


def test_when_it_is_uninstalled_it_is_gone(environment: Environment, package: Path) -> None:
    other = Environment(package.parent / "another")
    other.install(package)
    assert "sales-tax" in other.run("rtml", "plugins", "list", cwd=package.parent)
    other.run("pip", "uninstall", "-q", "-y", "rtml-sales-tax", cwd=package.parent)
    assert "sales-tax" not in other.run("rtml", "plugins", "list", cwd=package.parent)


def test_a_package_with_a_c_operator_is_built_and_proved(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        assert "CI" not in os.environ, "CI needs a C compiler: apt-get install gcc"
        pytest.skip("there is no C compiler: apt-get install gcc")
    folder = tmp_path / NAMES.distribution
    write(folder, contents(NAMES, native=True))
    made = Environment(tmp_path / "environment")
    made.install(folder)
    assert re.search(r"^\d+ passed in ", made.run("pytest", "-q", "-p", "no:cacheprovider", cwd=folder), re.MULTILINE)
    (report,) = json.loads(made.run("rtml", "plugins", "check", "--json", cwd=folder))
    assert report["errors"] == 0
    proved = [finding["where"] for finding in report["findings"] if (finding["check"], finding["level"]) == ("custom ops", "ok")]
    assert proved == ["sales_tax:saturate 1 (native)"]


def test_the_operator_in_the_readme_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = contents(NAMES)["README.md"]
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "class Region" in block)
    module = ModuleType("readme_of_a_plugin")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "README.md", "exec"), vars(module))
    ((example, _),) = plugin_check_contract.examples_of(module.Region)
    trial = plugin_check_contract.Trial(example, ())
    assert [finding.text for finding in trial.findings()] == []
    assert dict(trial.counted) == {"parity cases": 5}
