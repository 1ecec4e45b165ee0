"""The promise of the plugin API: what plugins build on stays, and whoever breaks it raises the number."""

from __future__ import annotations

import ast
import copy
import importlib
from pathlib import Path
from typing import Any

import pytest

from rtml_core.api import BUILDING_BLOCKS, STABLE
from rtml_core.hookspecs import PLUGIN_API
from tests.api import surface as surfaces
from tests.api.__main__ import main
from tests.api.compare import compare
from tests.api.surface import Surface, public_names, read_snapshot, signature, snapshot_path, surface

#: what rtml-boosting extends, which is released together with rtml
INSIDE = ("rtml_plugins.sklearn_ops.scikit.ScikitLearn", "rtml_plugins.sklearn_ops.training.json_model")


@pytest.fixture(scope="module")
def now() -> Surface:
    return surface()


def test_what_was_promised_to_plugins_is_still_there(now: Surface) -> None:
    assert snapshot_path().exists(), f"plugin API {PLUGIN_API} has no snapshot yet: write it with python -m tests.api"
    breaking = compare(read_snapshot(), now).breaking
    assert not breaking, (
        f"this breaks plugins written for plugin API {PLUGIN_API}; keep it and deprecate it (rtml_core.api), or raise PLUGIN_API"
        f" as docs/reference/plugin-api-policy.md says:\n" + "\n".join(breaking)
    )


def test_what_was_added_for_plugins_is_promised_too(now: Surface) -> None:
    found = compare(read_snapshot(), now)
    new = [*found.added, *found.reworded]
    assert not new, (
        "the public surface has more, or other types, than its snapshot. Is it meant to be public, documented and to stay? Then"
        " take it in with python -m tests.api; else give it a name with an underscore:\n" + "\n".join(new)
    )


@pytest.mark.parametrize("name", STABLE)
def test_every_stable_module_gives_something_public_without_repeating_itself(name: str) -> None:
    names = public_names(importlib.import_module(name))
    assert names
    assert len(set(names)) == len(names)


def test_the_surface_holds_what_the_documentation_names(now: Surface) -> None:
    for name in (
        *("rtml_core.operator.Operator.parity_cases", "rtml_core.operator.Operator.state", "rtml_core.graph.Graph.nodes"),
        *("rtml_core.lowering.builder.Builder.label_encode", "rtml_core.params.Params.validate", "rtml_core.CustomOp"),
        *("rtml_core.operator.DataMsg.inner", "rtml_core.testing.assert_parity", "rtml_core.hookspecs.rtml_operators"),
    ):
        assert name in now
    assert now["rtml_core.Operator"] == {"kind": "same", "as": "rtml_core.operator.Operator"}


# ---- what counts as a break --------------------------------------------------------------------------------------------


def described(function: Any) -> Surface:
    return {"rtml_core.x.f": {"kind": "function", **signature(function)}}


def before(a: int, b: str = "x", *, c: float = 1.0) -> int:
    return a


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (lambda a, *, c=1.0: a, "parameter 'b' is gone"),
        (lambda a, b, *, c=1.0: a, "'b' had the default 'x' and must be given now"),
        (lambda a, b="y", *, c=1.0: a, "the default of 'b' was 'x' and is 'y'"),
        (lambda b="x", a=0, *, c=1.0: a, "the order of parameters was a, b and is b, a"),
        (lambda a, b="x", *new, c=0.0: a, "the default of 'c' was 1.0 and is 0.0"),
        (lambda a, new=0, b="x", *, c=1.0: a, "the order of parameters was a, b and is a, new, b"),
        (lambda a, *, b="x", c=1.0: a, "'b' was positional or keyword and is keyword-only"),
        (lambda a, /, b="x", *, c=1.0: a, "'a' was positional or keyword and is positional-only"),
        (lambda a, b="x", *, c=1.0, d: a, "'d' must be given now"),
    ],
)
def test_calls_that_worked_and_would_not_any_more_are_breaks(after: Any, words: str) -> None:
    assert [words in sentence for sentence in compare(described(before), described(after)).breaking] == [True]


def test_calls_that_go_on_working_are_none() -> None:
    def more(a: int, b: str = "x", d: int = 0, *more: int, c: float = 1.0, e: int = 0, **others: int) -> int:
        return a

    def freer(a: int, b: str = "x", c: float = 1.0) -> int:
        return a

    def wider(a: int | float, b: str = "x", *, c: float = 1.0) -> bool:
        return bool(a)

    assert not compare(described(before), described(more)).breaking
    assert len(compare(described(before), described(more)).added) == 4
    assert not compare(described(before), described(freer)).breaking
    assert compare(described(before), described(wider)).reworded == [
        "rtml_core.x.f: 'a' takes int | float, before int",
        "rtml_core.x.f answers with bool, before int",
    ]


def test_what_plugins_write_must_not_be_passed_more(now: Surface) -> None:
    for name in ("rtml_core.operator.Operator.transform", "rtml_core.hookspecs.rtml_operators"):
        after = copy.deepcopy(now)
        after[name]["parameters"].append(["more", "keyword-only", "int", "0"])
        assert compare(now, after).breaking == [f"{name}: 'more' is passed too, which plugins that are written do not take"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("rtml_core.errors.describe", None, "is gone"),
        ("rtml_core.operator.DataMsg.inner", None, "is gone"),
        ("rtml_core.operator.Operator", {"kind": "function"}, "was a class and is a function"),
        ("rtml_core.Operator", {"as": "elsewhere.Operator"}, "and is elsewhere.Operator"),
        ("rtml_core.errors.ParityError", {"bases": ["Exception"]}, "is no RtmlError any more"),
        ("rtml_core.columns.DTYPES", {"value": ["'bool'"]}, "DTYPES was"),
        ("rtml_core.columns.MISSING_TIME", {"value": "0"}, "MISSING_TIME was -9223372036854775808 and is 0"),
        ("rtml_core.columns.MISSING_TIME", {"type": "str"}, "was a int and is a str"),
    ],
)
def test_names_that_go_or_become_something_else_are_breaks(
    now: Surface, name: str, change: dict[str, Any] | None, words: str
) -> None:
    after = copy.deepcopy(now)
    if change is None:
        del after[name]
    else:
        after[name].update(change)
    breaking = compare(now, after).breaking
    assert len(breaking) == 1
    assert words in breaking[0]
    assert name in breaking[0]


def test_more_of_something_is_an_addition(now: Surface) -> None:
    after = copy.deepcopy(now)
    after["rtml_core.columns.DTYPES"]["value"].append("'decimal'")
    after["rtml_core.columns.fresh"] = {"kind": "module"}
    found = compare(now, after)
    assert found.breaking == []
    assert found.added == ["rtml_core.columns.DTYPES has 'decimal' too", "rtml_core.columns.fresh is new"]


def test_the_command_takes_additions_in_and_refuses_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], now: Surface
) -> None:
    monkeypatch.setattr(surfaces, "FOLDER", tmp_path)
    less = {name: entry for name, entry in now.items() if name != "rtml_core.errors.describe"}
    assert main(less) == 0
    assert read_snapshot() == less
    assert main(now) == 0
    assert "rtml_core.errors.describe is new" in capsys.readouterr().out
    assert main(less) == 1
    assert "rtml_core.errors.describe is gone" in capsys.readouterr().out
    assert read_snapshot() == now


def test_the_snapshot_is_as_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promised, text = read_snapshot(), snapshot_path().read_text()
    monkeypatch.setattr(surfaces, "FOLDER", tmp_path)
    surfaces.write_snapshot(promised)
    assert snapshot_path().read_text() == text


def test_the_plugins_of_this_repository_take_what_is_public_only() -> None:
    """Their packages; their tests, and those of rtml, may look inside."""
    root = Path(__file__).resolve().parents[2]
    wrong = []
    for path in sorted((root / "plugins_contrib").glob("*/rtml_*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(("rtml_core", "rtml_plugins")):
                continue
            module = str(node.module)
            public = public_names(importlib.import_module(module)) if module in STABLE else None
            for alias in node.names:
                inside = f"{module}.{alias.name}"
                block = module.startswith(BUILDING_BLOCKS) and module not in STABLE and not alias.name.startswith("_")
                if not block and inside not in (*STABLE, *INSIDE) and (public is None or alias.name not in public):
                    wrong.append(f"{path.relative_to(root)}:{node.lineno}: {inside}")
    assert wrong == []
