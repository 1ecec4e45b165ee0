"""The table of pandas methods says what is so: every name has a group, every method an example that agrees with pandas."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import onnx
import pytest

from rtml_core.assemble import assemble
from rtml_core.errors import NotLowerableError, ParamError
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import value_of
from rtml_core.testing import assert_parity
from rtml_plugins.pandas_ops import Pandas
from rtml_plugins.pandas_ops.catalogue import group_of
from rtml_plugins.pandas_ops.methods import compiled_methods
from rtml_plugins.pandas_ops.names import all_names, resolve

EXTENSIONS = Path(__file__).resolve().parents[2] / "docs" / "_ext"


def _extension(name: str) -> ModuleType:
    if str(EXTENSIONS) not in sys.path:
        sys.path.insert(0, str(EXTENSIONS))
    return importlib.import_module(name)


examples = _extension("pandas_examples")
table = _extension("pandas_methods")


@pytest.fixture(scope="module")
def page() -> str:
    text: str = table.page()
    return text


def test_every_public_name_of_pandas_is_in_a_group() -> None:
    """A name that a new pandas brings is in none: decide what it is to a graph, in rtml_plugins.pandas_ops.catalogue."""
    unknown = []
    for name in all_names():
        try:
            group_of(name)
        except KeyError:
            unknown.append(name)
    assert unknown == []


def test_every_method_that_compiles_has_an_example_and_no_other_has() -> None:
    assert sorted({*examples.COLUMN, *examples.WHOLE}) == compiled_methods()


@pytest.mark.parametrize("name", compiled_methods())
def test_a_method_agrees_with_pandas_in_every_form(name: str) -> None:
    for form in table.FORMS:
        found = examples.example(name, form)
        if found is not None:
            node, rows = found
            assert_parity(node, rows)


@pytest.mark.parametrize("name", compiled_methods())
def test_the_shapes_that_a_lowering_states_are_those_that_onnx_infers(name: str) -> None:
    """A wrong one costs a node that takes the column out again, and a warning in every other runtime."""
    for form in table.FORMS:
        found = examples.example(name, form)
        if found is None:
            continue
        node, rows = found
        lowered = lower_alone(node, schema_of(rows))
        b = lowered.builder
        outputs = {f"out:{column}": b.alias(value_of(b, symbolic)) for column, symbolic in lowered.result.items()}
        model = onnx.load_from_string(assemble(b, outputs).model)
        onnx.shape_inference.infer_shapes(model, strict_mode=True)  # raises where what is stated can't be


@pytest.mark.parametrize("name", sorted(set(compiled_methods()) - set(examples.WHOLE)))
def test_a_method_without_the_form_of_the_frame_says_so(name: str) -> None:
    arguments = examples.COLUMN[name][1]
    with pytest.raises((ParamError, NotLowerableError)):
        lower_alone(Pandas(import_=name, kwargs=arguments), schema_of(examples.frame()[["x", "y"]]))


@pytest.mark.parametrize("name", sorted(set(compiled_methods()) - set(examples.COLUMN) - {"sort_index", "set_axis"}))
def test_a_method_of_the_frame_takes_no_columns(name: str) -> None:
    columns, arguments = examples.WHOLE[name]
    with pytest.raises((ParamError, NotLowerableError)):
        lower_alone(Pandas(import_=name, cols=columns[0], kwargs=arguments), schema_of(examples.frame()))


def test_the_page_lists_every_name_once(page: str) -> None:
    body = [line for line in page.splitlines() if line.startswith(("| `", "Refused", "`pipe`"))]
    named = [word for line in body for word in line.split("` |")[0].split("`")]
    assert [name for name in all_names() if named.count(name) != 1] == []


def test_a_line_says_what_a_method_became(page: str) -> None:
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert lines["clip"] == '| `clip` | yes | yes | yes | exact | core, 1 | `{"lower": 0, "upper": 18}` |'
    assert lines["str.title"] == "| `str.title` | yes | yes |   | exact | python, 1 |   |"
    assert lines["rename"] == "| `rename` | yes | yes | yes | exact | no node |   |"
    assert "python for the rest" in lines["str.contains"]
    assert "within 1e-13" in lines["pow"]
    assert "| extension" in lines["str.strip"]


def test_a_refusal_on_the_page_is_the_one_of_the_compiler(page: str) -> None:
    for name, column in (("shift", "x"), ("median", "x"), ("dropna", "x"), ("str.findall", "text"), ("cat.codes", "text")):
        (line,) = [line for line in page.splitlines() if f"`{name}`" in line]
        cure = line.split(" | ")[1].removesuffix(" |")
        arguments = {"pat": "a"} if name == "str.findall" else {}
        with pytest.raises(NotLowerableError) as caught:
            lower_alone(Pandas(import_=name, cols=column, kwargs=arguments), schema_of(examples.frame()))
        assert cure in str(caught.value)


def test_the_page_is_written_where_the_documentation_looks_for_it(tmp_path: Path, page: str) -> None:
    target = tmp_path / "what-lowers-pandas.md"
    table.write(target, page)
    before = target.stat().st_mtime_ns
    table.write(target, page)
    assert target.read_text() == page
    assert target.stat().st_mtime_ns == before


def test_names_resolve_as_the_forms_say() -> None:
    for name in examples.WHOLE:
        if name not in examples.COLUMN:
            assert resolve(name, columns=False).on_frame or resolve(name, columns=False).kind == "function"
