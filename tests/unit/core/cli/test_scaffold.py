"""`rtml plugins new`: names, files, and that nothing is half-written."""

from __future__ import annotations

import ast
import keyword
import os
import re
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from rtml_core import __version__
from rtml_core.cli import scaffold
from rtml_core.cli.scaffold_names import Names, names_of, plugin_name
from rtml_core.errors import RtmlError
from rtml_core.hookspecs import PLUGIN_API
from tests.unit.core.cli.conftest import Rtml

ROOT = Path(__file__).parents[4]
TEMPLATES = ROOT / "rtml_core" / "cli" / "templates"
WRITTEN = {
    *("pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml"),
    *("tests/test_plugin.py", "tests/test_operators.py"),
    *("rtml_sales_tax/__init__.py", "rtml_sales_tax/operators.py", "rtml_sales_tax/py.typed"),
}


NATIVE = {
    "tests/test_custom_ops.py",
    *(f"rtml_sales_tax/{name}" for name in ("custom.py", "reference.py", "native.c", "rtml_custom_op.h")),
}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_written_whole(rtml: Rtml, tmp_path: Path) -> None:
    result = rtml("plugins", "new", "sales-tax")
    assert result.code == 0, result.err
    folder = tmp_path / "rtml-sales-tax"
    assert files_below(folder) == WRITTEN
    left = [name for name in WRITTEN if "<<" in (folder / name).read_text() or "tmpl" in (folder / name).read_text()]
    assert left == []
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "rtml-sales-tax"
    assert project["entry-points"] == {"rtml.plugins": {"sales-tax": "rtml_sales_tax"}}
    assert project["dependencies"] == [f"rtml>={'.'.join(__version__.split('.')[:2])}"]
    assert "license" not in project  # the author's to choose


def test_the_python_of_a_package_can_be_read_and_says_what_it_is_for(rtml: Rtml, tmp_path: Path) -> None:
    assert rtml("plugins", "new", "sales-tax").code == 0
    for path in (tmp_path / "rtml-sales-tax").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert max(map(len, path.read_text().splitlines())) <= 130
    hooks = (tmp_path / "rtml-sales-tax" / "rtml_sales_tax" / "__init__.py").read_text()
    assert f"rtml_plugin_api = {PLUGIN_API}\n" in hooks
    assert "return [SalesTax]" in hooks


def test_what_to_do_next_is_said_in_commands(rtml: Rtml, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    result = rtml("plugins", "new", "rtml-loyalty", "--into", "code", "--operator", "Points")
    assert result.out.splitlines()[0] == "Wrote code/rtml-loyalty: plugin 'loyalty' with the operator Points. Next:"
    commands = [line.partition("#")[0].strip() for line in result.out.splitlines()[2:]]
    assert commands == [
        "cd code/rtml-loyalty",
        'pip install -e ".[test]"',
        "rtml operators show Points",
        "pytest",
        "rtml_loyalty/operators.py",
        "rtml plugins check",
    ]
    assert "class Points(Operator)" in (tmp_path / "code" / "rtml-loyalty" / "rtml_loyalty" / "operators.py").read_text()


def test_a_package_with_a_native_operator_has_a_c_file_more(rtml: Rtml, tmp_path: Path) -> None:
    result = rtml("plugins", "new", "sales-tax", "--native")
    assert result.code == 0
    assert "# needs a C compiler\n" in result.out
    assert "\n    rtml_sales_tax/native.c\n" in result.out
    folder = tmp_path / "rtml-sales-tax"
    assert files_below(folder) == WRITTEN | NATIVE
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    (built,) = project["tool"]["setuptools"]["ext-modules"]
    assert built["sources"] == ["rtml_sales_tax/native.c"]
    # one wheel for all Pythons, as each build of the library is another one for the packages that name its bytes
    assert built["py-limited-api"] is True
    assert project["tool"]["distutils"]["bdist_wheel"]["py-limited-api"] == "cp311"
    assert project["project"]["requires-python"] == ">=3.11"
    plain = tomllib.loads(scaffold.contents(Names("sales-tax", "SalesTax"))["pyproject.toml"])
    assert plain["tool"]["pytest"] == project["tool"]["pytest"]
    assert plain["project"] == project["project"]


def test_the_header_is_that_of_rtml_geo() -> None:
    of_geo = ROOT / "plugins_contrib" / "rtml-geo" / "rtml_geo" / "rtml_custom_op.h"
    assert (TEMPLATES / "native" / "module" / "rtml_custom_op.h").read_text() == of_geo.read_text(), (
        "copy the header of rtml-geo into the template"
    )


def test_the_help_has_an_example(rtml: Rtml) -> None:
    assert "rtml plugins new loyalty\n" in rtml("plugins", "new", "--help").out.partition("Example:")[2]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("3d", "begin with a letter"),
        ("rtml-3d", "begin with a letter"),
        ("sales tax", "letters, digits and hyphens"),
        ("loyalty-", "letters, digits and hyphens"),
        ("größe", "letters, digits and hyphens"),
        ("../up", "letters, digits and hyphens"),
        ("", "letters, digits and hyphens"),
        ("a" * 61, "at most 60"),
        ("class", "a word of Python"),
        ("None", "a word of Python"),
        ("core", "a part of rtml"),
        ("rtml_plugins", "a part of rtml"),
        ("rtml", "a part of rtml"),
        ("pandas", "the plugin name 'pandas' is taken (built in)"),
        ("Tiny", "the plugin name 'tiny' is taken (rtml-tiny)"),
        ("scaler", "an operator 'Scaler' is brought by plugin 'encoders' (built in); name yours with --operator"),
        ("operator", "a name that rtml or Python has already"),
        ("any", "a name that rtml or Python has already"),
        ("warning", "a name that rtml or Python has already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(rtml: Rtml, tmp_path: Path, name: str, words: str) -> None:
    before = files_below(tmp_path)
    result = rtml("plugins", "new", "--", name)
    assert result.code == 2
    assert words in result.error
    assert files_below(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("rtml-", ".rtml-"))] == []


@pytest.mark.parametrize("operator", ["haversine", "Great Circle", "2D", "", "None", "Straße"])
def test_an_operator_name_that_cannot_be_used_is_refused(rtml: Rtml, operator: str) -> None:
    result = rtml("plugins", "new", "loyalty", "--operator", operator)
    assert result.code == 2
    assert result.error.startswith("--operator must be a word like 'Haversine'")


def test_a_module_that_is_installed_is_not_taken(rtml: Rtml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rtml_dates.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert rtml("plugins", "new", "dates").error == "a module 'rtml_dates' is installed already; choose another name"


@given(st.text(string.ascii_letters + string.digits + "-_. é/", max_size=12))
def test_a_name_is_one_that_everybody_takes_or_is_refused(name: str) -> None:
    try:
        plugin = plugin_name(name)
    except RtmlError:
        return
    names = Names(plugin, "Any")
    assert canonicalize_name(names.distribution) == names.distribution
    assert canonicalize_name(name).removeprefix("rtml-") == plugin
    assert names.module.isidentifier()
    assert not keyword.iskeyword(names.module)


def test_a_folder_with_something_in_it_is_left_alone(rtml: Rtml, tmp_path: Path) -> None:
    mine = tmp_path / "rtml-loyalty" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    result = rtml("plugins", "new", "loyalty")
    assert result.code == 2
    assert result.error.endswith("is not empty; choose another name, or another folder with --into")
    assert files_below(mine.parent) == {"notes.txt"}


def test_an_empty_folder_is_filled(rtml: Rtml, tmp_path: Path) -> None:
    (tmp_path / "rtml-sales-tax").mkdir()
    assert rtml("plugins", "new", "sales-tax").code == 0
    assert files_below(tmp_path / "rtml-sales-tax") == WRITTEN


def test_a_place_that_cannot_be_written_is_refused(rtml: Rtml, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "rtml-sales-tax").write_text("")
    assert rtml("plugins", "new", "loyalty", "--into", "nowhere").error == "nowhere does not exist; make it first"
    assert rtml("plugins", "new", "loyalty", "--into", "file").error == "file is not a folder"
    assert "is no folder" in rtml("plugins", "new", "sales-tax").error


def test_a_folder_without_permission_is_refused(rtml: Rtml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")
    result = rtml("plugins", "new", "loyalty", "--into", "locked")
    assert result.error == "no permission to write into locked; name another folder with --into"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    whole = Path.write_text

    def fail_at_the_second(self: Path, *arguments: Any, **options: Any) -> int:
        if self.name == "b":
            raise error
        return whole(self, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_the_second)
    with pytest.raises(type(error)):
        scaffold.write(tmp_path / "made", {"a": "1", "deep/b": "2"})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_nobody_fills_is_an_error() -> None:
    assert scaffold.fill("a <<x>> b ${{ y }}", {"x": "1"}) == "a 1 b ${{ y }}"
    with pytest.raises(KeyError, match="y"):
        scaffold.fill("<<y>>", {"x": "1"})


def test_the_places_of_all_templates_are_known() -> None:
    known = set(scaffold.values(Names("a", "A")))
    named = {place for path in TEMPLATES.rglob("*") if path.is_file() for place in re.findall(r"<<(\w+)>>", path.read_text())}
    assert named <= known


def test_the_wheel_of_rtml_carries_the_templates() -> None:
    carried = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    templates = {str(path.relative_to(ROOT)) for path in TEMPLATES.rglob("*") if path.is_file()}
    assert len(templates) >= len(WRITTEN)
    assert templates <= carried


@pytest.mark.parametrize("native", [False, True])
def test_the_templates_import_no_name_that_an_operator_may_take(native: bool) -> None:
    made = scaffold.contents(Names("sales-tax", "SalesTax"), native=native)
    for path in (path for path in made if path.startswith("rtml_sales_tax/") and path.endswith(".py")):
        imports = [node for node in ast.walk(ast.parse(made[path])) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports for alias in node.names if node.module != "rtml_sales_tax.operators"}
        for name in (name for name in names if re.fullmatch("[A-Z][a-z]+[A-Za-z]*", name)):
            with pytest.raises(RtmlError, match="has already"):
                names_of("sales-tax", name)
