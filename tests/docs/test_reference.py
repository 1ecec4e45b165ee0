"""The reference is complete: every operator, every hook, every error, and the published JSON Schema."""

import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rtml_core import config, errors, hookspecs
from rtml_core.dsl import json_schema
from rtml_core.params import describe_params
from rtml_core.plugins import plugins

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOOKS = sorted(name for name, value in vars(hookspecs).items() if hasattr(value, "rtml_spec"))
SHIPPED = [name for name in plugins().registry if plugins().registry.entry(name).origin.distribution == "rtml"]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("operator_reference", DOCS / "_ext" / "operator_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SHIPPED)
def test_every_operator_has_a_page_with_its_docstring_and_all_its_parameters(name: str, generator: ModuleType) -> None:
    cls = plugins().registry[name]
    page = generator.pages()[f"{name}.md"].replace("\\", "")
    assert (inspect.getdoc(cls) or "").split("\n")[0] in page
    missing = [p.encode_name for p in describe_params(cls.Params) if f"| `{p.encode_name}` |" not in page]
    assert missing == []


def test_the_list_of_operators_leads_to_every_page(generator: ModuleType) -> None:
    index = generator.pages()["index.md"]
    assert [name for name in SHIPPED if f"[{name}]({name}.md)" not in index] == []
    assert len(SHIPPED) >= 7


def test_pages_of_operators_that_are_gone_go_too(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "Gone.md").write_text("# Gone")
    generator.write(tmp_path)
    assert {page.name for page in tmp_path.iterdir()} == set(generator.pages())


def test_a_docstring_is_no_markup(generator: ModuleType) -> None:
    assert generator.markdown("a <b> *c* `d_e*`\n    code *") == "a \\<b> \\*c\\* `d_e*`\n    code *"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_signature(hook: str) -> None:
    page = (DOCS / "reference" / "plugin-contract.md").read_text()
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"### {hook}" in page
    assert f"def {hook}{signature}" in page


def test_every_environment_variable_of_the_plugins_is_documented() -> None:
    page = (DOCS / "reference" / "plugin-contract.md").read_text()
    for variable in (*config.VARIABLES.values(), config.FILE_VARIABLE):
        assert f"`{variable}`" in page


def test_every_error_class_is_documented() -> None:
    page = (DOCS / "reference" / "errors.md").read_text()
    classes = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.RtmlError)]
    assert [name for name in classes if f"`{name}`" not in page] == []


def test_the_published_schema_of_the_dsl_is_the_one_in_use() -> None:
    assert json.loads((DOCS / "reference" / "graph.schema.json").read_text()) == json_schema()
