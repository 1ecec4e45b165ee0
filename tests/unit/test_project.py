"""What the project promises about itself: what it declares, what it ships, how its source is cut."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted(path for room in ("rtml", "rtml_core", "rtml_plugins") for path in (ROOT / room).rglob("*.py"))
CORE_DEPENDENCIES = {
    *("pluggy", "click", "msgspec", "numpy", "pandas", "scikit-learn"),
    *("onnx", "onnx-ir", "onnxruntime", "onnxruntime-extensions", "skl2onnx"),
    *("granian", "uvloop", "fastapi", "sqlalchemy", "alembic", "fsspec", "httpx", "prometheus-client", "jinja2"),
}
# What a declared dependency cannot work without may be imported too.
COMES_WITH = {
    "scipy": "scikit-learn",
    "joblib": "scikit-learn",
    "sklearn": "scikit-learn",
    "google": "onnx",
    "certifi": "httpx",
    "starlette": "fastapi",
    "pydantic": "fastapi",
    "markupsafe": "jinja2",
    "grpc": "grpcio",
    "opentelemetry": "opentelemetry-sdk",
    "IPython": "ipykernel",
    "jupyter_server": "jupyterlab",
    "jupyter_core": "jupyterlab",
    "tornado": "jupyterlab",
    "traitlets": "jupyterlab",
    "nbformat": "jupyterlab",
}
TOP_LEVEL = {
    *(".ci", ".gitignore", "Makefile", "pyproject.toml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"),
    *("deploy", "docs", "plugins_contrib", "rtml", "rtml_core", "rtml_plugins", "tests"),
}


def tracked() -> list[str]:
    """The files of the project as git knows them, relative to its root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if name]


def imported(source: Path) -> Iterator[str]:
    """The first part of every module that a source file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_core_needs_exactly_these_packages_and_says_from_which_release() -> None:
    requirements = [Requirement(text) for text in PROJECT["dependencies"]]
    assert {requirement.name for requirement in requirements} == CORE_DEPENDENCIES
    assert {requirement.name for requirement in requirements if ">=" not in str(requirement.specifier)} == set()


def test_everything_the_source_imports_is_declared() -> None:
    optional = PROJECT["optional-dependencies"]
    requirements = [
        *PROJECT["dependencies"],
        *(text for extra in ("parquet", "xdm", "notebook", "text", "grpc", "otel") for text in optional[extra]),
    ]
    declared = {canonicalize_name(Requirement(text).name) for text in requirements}
    own = {"rtml", "rtml_core", "rtml_plugins"} | set(sys.stdlib_module_names)
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in imported(path)
        if name not in own and canonicalize_name(COMES_WITH.get(name, name)) not in declared
    }
    # tests that ship: imported by pytest only, where it is there
    tests = {entry for entry in undeclared if entry.startswith("rtml_plugins/profile/conformance/")}
    assert {entry.rpartition(" ")[2] for entry in tests} == {"pytest"}
    assert undeclared - tests == {"rtml_core/testing/pytest_plugin.py: pytest"}


def test_the_installed_version_is_the_one_of_this_tree() -> None:
    assert metadata.version("rtml") == PROJECT["version"]
    assert import_module("rtml_core").__version__ == PROJECT["version"]


@pytest.mark.parametrize(("name", "target"), PROJECT["entry-points"]["rtml.plugins"].items())
def test_a_built_in_plugin_is_installed_as_an_entry_point_and_imports(name: str, target: str) -> None:
    (point,) = metadata.entry_points(group="rtml.plugins", name=name)
    assert (point.value, point.load().__name__) == (target, target)


def test_the_command_rtml_is_installed() -> None:
    (point,) = metadata.entry_points(group="console_scripts", name="rtml")
    assert callable(point.load())


@pytest.mark.parametrize("package", ["rtml", "rtml_core", "rtml_plugins"])
def test_the_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").read_bytes() == b""


def test_the_top_level_holds_what_it_is_meant_to_hold() -> None:
    assert {name.partition("/")[0] for name in tracked()} - TOP_LEVEL == set()


def test_no_file_names_the_machine_it_was_written_on() -> None:
    here = [f"{ROOT}/", f"{Path.home()}/", f"{sys.prefix}/"]
    texts = {name: (ROOT / name).read_bytes().decode(errors="ignore") for name in tracked() if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if any(path in text for path in here)] == []


def test_a_source_file_has_one_job_and_a_function_fits_on_a_screen() -> None:
    too_long = []
    for path in SOURCES:
        text = path.read_text()
        if text.count("\n") > 450:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 60:
                too_long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} is longer than 60 lines")
    assert too_long == []


def test_every_source_file_says_what_it_is_for() -> None:
    silent = [path for path in SOURCES if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_target_of_the_makefile_is_listed_by_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    listing = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+) +\S", listing, re.MULTILINE)) == set(phony.split())
