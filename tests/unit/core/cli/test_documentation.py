"""The page on the command line names every command and every option; its examples are run with those of all pages."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from rtml_core.cli import app
from rtml_core.cli.app import BUILT_IN

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "command-line.md").read_text()
SECTIONS = dict(re.findall(r"^## (?:rtml )?(.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_and_option_is_documented(name: str) -> None:
    command = app.load(BUILT_IN[name])
    inner = command.commands if isinstance(command, click.Group) else {}
    for words, part in {f"{name} {word}": sub for word, sub in inner.items()}.items() or {name: command}.items():
        assert f"rtml {words}" in SECTIONS[name]
        options = [option for option in part.params if isinstance(option, click.Option) and not option.hidden]
        missing = [text for option in options for text in option.opts if text not in SECTIONS[name]]
        assert missing == []


def test_every_exit_code_is_documented() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)]
    assert codes == [app.OK, app.FOUND, app.WRONG, app.INTERRUPTED]


def test_no_command_is_documented_that_does_not_exist() -> None:
    named = re.findall(r"^## rtml ([\w-]+)", PAGE, re.MULTILINE)
    assert set(named) == set(BUILT_IN)
