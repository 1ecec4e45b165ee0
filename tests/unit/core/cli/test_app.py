"""The root command: what it lists, what an error looks like, which code a run ends with."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from rtml_core import __version__
from rtml_core.cli import app
from rtml_core.cli.app import BUILT_IN
from rtml_core.errors import NotFittedError, ParityError, RtmlError
from tests.unit.core.cli.conftest import Rtml
from tests.unit.core.cli.helpers import install


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `rtml schema` raise."""

    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(app, "load", lambda spec: command)


def test_help_lists_the_commands_of_rtml_and_those_of_plugins(rtml: Rtml) -> None:
    result = rtml("--help")
    own, _, brought = result.out.partition("Commands of plugins:")
    assert result.code == 0
    assert {line.split()[0] for line in own.partition("Commands:")[2].splitlines() if line.strip()} == set(BUILT_IN)
    said = [" ".join(line.split()) for line in brought.splitlines()]
    assert "greet Say hello." in said
    assert "eager A command that is there when the plugin is." in said


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_has_a_help_with_an_example(rtml: Rtml, name: str) -> None:
    command = app.load(BUILT_IN[name])
    parts = ["", *command.commands] if isinstance(command, click.Group) else [""]
    for part in parts:
        words = [name, part] if part else [name]
        result = rtml(*words, "--help")
        assert result.code == 0
        assert f"Example:\n  rtml {' '.join(words)}" in result.out or f"| rtml {name}" in result.out


def test_the_one_line_of_a_command_is_not_far_from_what_its_help_says() -> None:
    for spec in BUILT_IN.values():
        assert isinstance(app.load(spec), click.Command)
        assert 10 < len(spec.partition("|")[2]) < 60


def test_version(rtml: Rtml) -> None:
    assert rtml("--version").out == f"rtml {__version__}\n"


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["scroe"], "There is no command 'scroe'. Commands: fit, compile, inspect, check, score, operators, custom-ops"),
        (["scroe"], "Did you mean 'score'?"),
        (["plugins", "lst"], "There is no command 'lst'. Commands: check, list, new, settings, show. Did you mean 'list'?"),
        (["score", "a.rtml", "--inptu", "x"], "No such option '--inptu'."),
        (["compile", "g.json"], "Missing option '-o' / '--output'."),
    ],
)
def test_wrong_usage_is_two_and_names_what_there_is(rtml: Rtml, words: list[str], cure: str) -> None:
    result = rtml(*words)
    assert result.code == 2
    assert cure in result.error
    assert result.out == ""


def test_a_lazy_command_of_a_plugin_runs_and_what_it_returns_is_no_exit_code(rtml: Rtml) -> None:
    result = rtml("greet")
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


def test_a_command_of_a_plugin_chooses_its_exit_code(rtml: Rtml) -> None:
    assert rtml("eager").code == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [("lost", "ModuleNotFoundError: No module named 'tiny_nowhere'"), ("odd", "tiny_commands:NAME is no click command but str")],
)
def test_a_command_that_can_not_be_loaded_names_its_plugin(rtml: Rtml, name: str, reason: str) -> None:
    result = rtml(name)
    assert result.code == 1
    assert result.error.startswith(f"the command '{name}' of plugin 'tiny' (rtml-tiny 1.4) can't be loaded: ")
    assert reason in result.error


def test_a_plugin_does_not_replace_a_command_of_rtml(rtml: Rtml) -> None:
    assert "Score a file of rows" in rtml("score", "--help").out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RtmlError("the graph is wrong"), 2, "the graph is wrong"),
        (ParityError("they differ"), 1, "they differ"),
        (NotFittedError("it has to learn first"), 2, "rtml fit GRAPH.json --train FILE -o FITTED.json"),
        (PermissionError(13, "Permission denied", "rows.csv"), 2, "rows.csv: Permission denied"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("oops"), 1, "rtml failed where it should not: ZeroDivisionError: oops. Run it again with --debug"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    rtml: Rtml, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    fails_with(error, monkeypatch)
    result = rtml("schema")
    assert result.code == code
    assert words in result.error
    assert len(result.err.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [["--debug", "schema"], ["schema"]])
def test_debug_shows_the_traceback_above_the_error(rtml: Rtml, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    fails_with(RtmlError("the graph is wrong"), monkeypatch)
    if "--debug" not in words:
        monkeypatch.setenv("RTML_DEBUG", "1")
    result = rtml(*words)
    assert result.code == 2
    assert "Traceback (most recent call last)" in result.err
    assert result.err.endswith("Error: the graph is wrong\n")


def test_debug_works_behind_the_command_too(rtml: Rtml) -> None:
    result = rtml("plugins", "show", "nope", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err


def test_debug_0_is_off(rtml: Rtml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_DEBUG", "0")
    assert "Traceback" not in rtml("plugins", "show", "nope").err


def test_a_broken_plugin_does_not_stop_help_but_strict_does(rtml: Rtml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "more", "loyalty", "not_there", "rtml-loyalty")))
    assert rtml("--help").code == 0
    monkeypatch.setenv("RTML_STRICT_PLUGINS", "1")
    from rtml_core.plugins import plugins

    plugins.cache_clear()
    result = rtml("plugins", "list")
    assert result.code == 1
    assert "plugin 'loyalty': there is no module 'not_there'" in result.error
