"""A plugin written for API 1, kept as it was, works as it did."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtml_core import hookspecs

PLUGIN = Path(__file__).parent / "plugin_for_api_1"
CONTRACT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operator-contract.md"
FILES = sorted(path for path in PLUGIN.rglob("*") if path.suffix in (".py", ".toml", ".md"))
SOURCE = "\n".join(path.read_text() for path in FILES if path.suffix == ".py" and path.parent.name == "rtml_api1")
FROZEN = "a62fd370102909eee9c221e4a975b2fb67e92d6f5e88904628cbe12993de74b8"


def test_it_is_as_it_was() -> None:
    found = hashlib.sha256()
    for path in FILES:
        found.update(f"{path.relative_to(PLUGIN)}\n{path.read_text()}".encode())
    assert found.hexdigest() == FROZEN, (
        f"{PLUGIN.name} stands for the plugins that others have written, which nobody here can edit. Undo the change to it; if"
        f" rtml is right to demand it, raise PLUGIN_API and write a plugin for the new number beside this one"
        f" (docs/reference/plugin-api-policy)"
    )


@pytest.mark.skipif(hookspecs.PLUGIN_API > 1, reason="plugins for API 1 are refused from plugin API 2 on")
def test_its_own_tests_pass(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RTML_", "PYTEST_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(PLUGIN), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", str(PLUGIN)]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--import-mode=importlib", str(PLUGIN / "tests")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^1\d passed", done.stdout, re.MULTILINE)


def test_it_has_every_hook_of_plugin_api_1() -> None:
    since_1 = [
        name
        for name in vars(hookspecs)
        if name.startswith("rtml_") and "Since plugin API 1." in (vars(hookspecs)[name].__doc__ or "")
    ]
    assert since_1
    assert [name for name in since_1 if f"@hookimpl\ndef {name}()" not in SOURCE] == []


def test_it_has_every_documented_member_of_an_operator_and_a_builder() -> None:
    text = CONTRACT.read_text().partition("## Dtypes between nodes")[0]
    members = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    members += re.findall(r"`(\w+)\([\w, *]*\)`", " ".join(re.findall(r"^`.*`$", text, re.MULTILINE)))
    members += re.findall(r"`b\.(\w+)\(", text)
    members += re.findall(r"`(\w+)`", text[text.index("`rtml_core.lowering.symbolic` has") :].partition("\n\n")[0])[1:]
    assert {"version", "learns", "transform", "lower", "graft", "keep_missing", "parity_cases", "subgraph"} <= set(members)
    assert [name for name in members if not re.search(rf"\b{name}\b", SOURCE)] == []
