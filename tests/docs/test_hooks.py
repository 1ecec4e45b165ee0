"""A hook without its documentation, without an example that runs or without a test of its own fails here."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from rtml_core import hookspecs
from rtml_core.api import BUILDING_BLOCKS, STABLE
from tests.docs.blocks import Python, blocks
from tests.unit.core import test_hooks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "plugin-contract.md"
HOOKS = {name: function for name, function in vars(hookspecs).items() if name.startswith("rtml_")}


def section(hook: str) -> tuple[str, int, int]:
    """The text below the heading of a hook, and its first and last line."""
    lines = PAGE.read_text().splitlines()
    assert f"### {hook}" in lines, f"{PAGE.name} has no heading '### {hook}'"
    start = lines.index(f"### {hook}")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith(("## ", "### "))), len(lines))
    return "\n".join(lines[start:end]), start + 1, end


def test_the_hooks_are_those_of_pluggy() -> None:
    assert HOOKS
    assert all(hasattr(function, "rtml_spec") for function in HOOKS.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_signature_and_since_when(hook: str) -> None:
    text = section(hook)[0]
    signature = inspect.signature(HOOKS[hook])
    answer = signature.replace(return_annotation=inspect.Signature.empty)
    assert f"def {hook}{answer} -> {signature.return_annotation}: ..." in text
    since = re.search(r"Since plugin API (\d+)\. Called (once|again|each time)", text)
    assert since, f"{hook}: the page must say since which plugin API it is, and when it is called"
    assert 1 <= int(since[1]) <= hookspecs.PLUGIN_API


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_the_same_in_the_source(hook: str) -> None:
    text = inspect.getdoc(HOOKS[hook]) or ""
    assert re.search(r"Since plugin API \d+\.", text)
    assert not inspect.signature(HOOKS[hook]).parameters


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_an_example_that_runs_and_shows_what_it_does(hook: str) -> None:
    _, first, last = section(hook)
    examples = [block for block in blocks(PAGE) if isinstance(block, Python) and first < block.line <= last]
    shown = [block for block in examples if f"@hookimpl\ndef {hook}():" in block.source and block.expected]
    assert shown, f"{hook}: give an example (a python block that has the hook and prints something, and what it prints)"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_of_its_own(hook: str) -> None:
    assert callable(getattr(test_hooks, f"test_{hook}", None)), f"write test_{hook} in tests/unit/core/test_hooks.py"


def test_the_order_on_the_page_is_the_order_of_the_calls() -> None:
    text = PAGE.read_text()
    sentence = re.search(r"^4\. (.*?) are called in this order", text, re.MULTILINE | re.DOTALL)
    assert sentence
    assert re.findall(r"`(rtml_\w+)`", sentence[1]) == test_hooks.order_of_the_calls()
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    for place, hook in enumerate(test_hooks.order_of_the_calls()):
        word = "last" if place == len(HOOKS) - 1 else words[place]
        assert f"when the plugin is registered, {word}" in " ".join(section(hook)[0].split())


def test_the_page_names_the_modules_that_a_plugin_may_import() -> None:
    text = PAGE.read_text()
    table = dict(re.findall(r"^\| `(rtml_[\w.]+)` \| (.+) \|$", text, re.MULTILINE))
    assert list(table) == list(STABLE)
    for module, meaning in STABLE.items():
        assert table[module].startswith(meaning)
    assert all(f"`{room}`" in text for room in BUILDING_BLOCKS)


def test_the_page_of_the_policy_names_what_is_deprecated() -> None:
    """Every use of the machinery is in the table of the page, which says "nothing" while there is none."""
    root = PAGE.parents[2]
    sources = [path for room in ("rtml_core", "rtml_plugins") for path in (root / room).rglob("*.py") if path.name != "api.py"]
    used = [path for path in sources if re.search(r"@deprecated\(|\bwarn_deprecated\(", path.read_text())]
    policy = (PAGE.parent / "plugin-api-policy.md").read_text()
    assert bool(used) != ("Deprecated now: nothing." in policy)
