"""Fixtures for the tests of operator authors; pytest finds them by itself where rtml is installed.

pytest imports this module at every start, so it imports nothing of rtml before a fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rtml_core.testing.command_line import Cli
    from rtml_core.testing.isolation import IsolatedPlugins

_INI = "rtml_clean_environment"
_kept = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting rtml_clean_environment."""
    text = "take the RTML_ variables of the shell, and the settings of the user, out of the whole test run (default: false)"
    parser.addini(_INI, text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Take the user's settings away, where rtml_clean_environment asks for it."""
    if config.getini(_INI):
        kept = {name: os.environ.pop(name) for name in _variables()}
        config.stash[_kept] = kept
        os.environ["RTML_CONFIG"] = os.devnull


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give them back, for whoever runs pytest inside of a program."""
    kept = config.stash.get(_kept, None)
    if kept is not None:
        del os.environ["RTML_CONFIG"]
        os.environ.update(kept)


def _variables() -> list[str]:
    return [name for name in os.environ if name.startswith("RTML_")]


@pytest.fixture
def rtml_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No RTML_ variable and no settings file of the user, for one test. Gives a monkeypatch to set those that the test is about.

    The setting rtml_clean_environment = true (in pytest's configuration) does the same for all tests. Since plugin API 1.
    """
    for name in _variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("RTML_CONFIG", os.devnull)
    return monkeypatch


@pytest.fixture
def rtml_plugins(rtml_environment: pytest.MonkeyPatch) -> Iterator[IsolatedPlugins]:
    """A clean registry for one test: the built-in plugins, and those that the test registers: rtml_plugins.register(my_module).

    It holds for the whole process, `rtml_core.operators`, graphs, runtimes and rtml_cli included. See
    rtml_core.testing.isolated_plugins. Since plugin API 1.
    """
    from rtml_core.testing import isolated_plugins

    with isolated_plugins() as made:
        yield made


@pytest.fixture
def rtml_frame() -> Any:
    """The builder of frames: rtml_frame(age="float?", brand="string?", rows=100) with every edge value of each dtype among them.

    See rtml_core.testing.frame. Since plugin API 1.
    """
    from rtml_core.testing import frame

    return frame


@pytest.fixture
def rtml_cli(rtml_environment: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Runs the command line in this process, in tmp_path: result = rtml_cli("plugins", "show", "geo").

    The result has code, out, err, json (the output of --json) and error (the sentence with which it failed). With rtml_plugins
    it sees the plugins of the test, otherwise those that are installed. Since plugin API 1.
    """
    from rtml_core.testing import Cli

    return Cli(tmp_path)
