"""What the README says is what is there, and its code runs."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from rtml_aep.nodes import MODULES
from rtml_aep.settings import Settings

from rtml_core import Client

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_module_and_class_of_the_table_is_there() -> None:
    table = dict(re.findall(r"^\| `([a-z_.]+)` \| `(\w+)`", README, re.MULTILINE))
    assert {name: module for module, name in table.items() if name in MODULES} == dict(MODULES)
    for module, name in table.items():
        assert isinstance(getattr(import_module(module), name), type)


def test_every_setting_is_named() -> None:
    assert [name for name in Settings.__struct_fields__ if f"`{name}`" not in README and f"\n{name} = " not in README] == []


def test_the_code_runs(hub: str, set_up: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = re.findall(r"```(?:python|text)\n(.*?)```", README, re.DOTALL)
    said, variables = io.StringIO(), dict[str, object]()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), variables)
    with Client(hub) as client:
        (name,) = (service.name for service in client.services() if service.id == variables["service_id"])
        client.delete(name)
    assert said.getvalue() == told
