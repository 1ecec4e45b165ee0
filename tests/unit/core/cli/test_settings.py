"""`rtml plugins settings`, and what list and show say of settings: a plugin that is installed, a file, variables."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rtml_core.plugins import plugins
from tests.unit.core.cli.conftest import Rtml
from tests.unit.core.cli.helpers import child, environment, install

PLUGIN = """
from typing import Annotated
from rtml_core import Params, Secret, doc, hookimpl, settings

class Settings(Params):
    url: Annotated[str, doc("where the tiles are")] = "https://tiles.example"
    token: Annotated[Secret | None, doc("for that server")] = None
    level: Annotated[int, doc("how far to zoom in")] = 3

@hookimpl
def rtml_settings():
    return Settings

@hookimpl
def rtml_commands():
    import click

    @click.command()
    def tiles():
        "Say what is set."
        mine = settings("tiles")
        click.echo(f"{mine.url} {mine.level} {mine.token} {len(mine.token.reveal())}")

    return {"tiles": tiles}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of settings, and a plugin that has some."""
    folder = install(tmp_path / "site", "tiles", "tiles_plugin", "rtml-tiles")
    (folder / "tiles_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(folder))
    path = tmp_path / "config.toml"
    path.write_text("[plugins.tiles]\ntoken = 'hunter2'\n")
    monkeypatch.setenv("RTML_CONFIG", str(path))
    plugins.cache_clear()
    return path


def test_settings_are_shown_with_value_and_source(rtml: Rtml, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PLUGIN_TILES_LEVEL", "7")
    result = rtml("plugins", "settings", "tiles")
    assert result.code == 0
    shown = [line.split() for line in result.out.splitlines()]
    assert shown[0] == ["plugin", "setting", "value", "from", "meaning"]
    assert shown[1][:4] == ["tiles", "url", '"https://tiles.example"', "default"]
    assert shown[2][:4] == ["tiles", "token", '"***"', "file"]
    assert shown[3][:4] == ["tiles", "level", "7", "RTML_PLUGIN_TILES_LEVEL"]
    assert result.out.endswith(f"File of settings: {file}\n")
    assert "hunter2" not in rtml("plugins", "settings", "--json").out
    (_, token, _) = rtml("plugins", "settings", "tiles", "--json").json
    assert (token["value"], token["source"], token["variable"]) == ("***", str(file), "RTML_PLUGIN_TILES_TOKEN")


def test_show_has_the_settings_too(rtml: Rtml, file: Path) -> None:
    result = rtml("plugins", "show", "tiles")
    assert "\nsetting  value                    from " in result.out
    assert "hunter2" not in result.out + rtml("plugins", "show", "tiles", "--json").out
    assert rtml("plugins", "show", "tiles", "--json").json["settings"][0]["value"] == "https://tiles.example"
    assert "setting" not in rtml("plugins", "show", "pandas").out


def test_what_is_wrong_is_a_note_in_the_list_and_an_error_under_strict(rtml: Rtml, file: Path) -> None:
    file.write_text("[plugins.tiles]\nlevel = 'high'\ntokn = 'hunter2'\n[plugins.tile]\na = 1\n")
    result = rtml("plugins", "list")
    wrong = f"{file}, [plugins.tiles]: level must be a whole number; got 'high'"
    unknown = f"{file}, [plugins.tiles]: unknown setting 'tokn'. It has: url, token, level. Did you mean 'token'?"
    nobody = f"{file} has settings for 'tile', and no plugin of that name is installed. Did you mean 'tiles'?"
    assert result.code == 0
    assert result.out.splitlines()[-3:] == [f"Note: {wrong}", f"Note: {unknown}", f"Note: {nobody}"]
    strict = rtml("plugins", "list", "--strict")
    assert strict.code == 1
    assert strict.error == f"{wrong}; {unknown}"
    shown = rtml("plugins", "show", "tiles")
    assert shown.code == 0
    assert f"2 things are wrong with them:\n{wrong}\n{unknown}" in shown.out
    settings = rtml("plugins", "settings")
    assert settings.code == 1
    assert settings.error == f"{wrong}; {unknown}"
    assert settings.out.splitlines()[-1] == f"Note: {nobody}"
    assert [line.split()[2] for line in settings.out.splitlines() if line.split()[:2] == ["tiles", "level"]] == ["wrong"]


def test_a_plugin_without_settings_and_one_that_is_not_there(rtml: Rtml, file: Path) -> None:
    assert rtml("plugins", "settings", "pandas").out == "Plugin 'pandas' has no settings.\n"
    missing = rtml("plugins", "settings", "tils")
    assert missing.code == 2
    assert "Plugin 'tils' is not installed. Did you mean 'tiles'?" in missing.error


def test_the_example_is_toml(rtml: Rtml, file: Path) -> None:
    result = rtml("plugins", "settings", "--example")
    assert tomllib.loads(result.out)["plugins"]["tiles"] == {}
    assert f"# File of settings: {file}\n" in result.out
    assert "# how far to zoom in: a whole number (RTML_PLUGIN_TILES_LEVEL)\n# level = 3\n" in result.out
    assert "hunter2" not in result.out


def test_a_file_that_cannot_be_read_stops_every_command_with_one_sentence(rtml: Rtml, file: Path) -> None:
    file.write_text("[rtml\n")
    for words in (["plugins", "list"], ["plugins", "settings"], ["operators", "list"], ["--help"]):
        plugins.cache_clear()
        result = rtml(*words)
        assert result.code == 2
        assert result.error.startswith(f"{file}, the file of settings, is no TOML: ")


def test_a_plugin_reads_its_settings_in_a_process_of_its_own(file: Path) -> None:
    result = child("tiles", path=file.parent / "site", RTML_CONFIG=str(file), RTML_PLUGIN_TILES_LEVEL="9")
    assert (result.code, result.out) == (0, "https://tiles.example 9 *** 7\n")
    wrong = child("tiles", path=file.parent / "site", RTML_CONFIG=str(file), RTML_PLUGIN_TILES_LEVEL="high")
    assert wrong.code == 2
    assert wrong.error == "RTML_PLUGIN_TILES_LEVEL must be a whole number; got 'high'"


def test_where_nothing_was_discovered_only_that_plugin_is_imported(file: Path, tmp_path: Path) -> None:
    install(tmp_path / "site", "another", "never_imported", "rtml-another")
    (tmp_path / "site" / "never_imported.py").write_text("raise SystemExit('imported')\n")
    code = (
        "import sys, rtml_core\nprint(rtml_core.settings('tiles').level)\n"
        "print([name for name in ('rtml_core.plugins', 'rtml_core.operator', 'never_imported') if name in sys.modules])\n"
        "try:\n    rtml_core.settings('tils')\nexcept rtml_core.RtmlError as error:\n    print(error)\n"
    )

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        told = environment(tmp_path / "site", RTML_CONFIG=str(file), **variables)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=told, cwd=tmp_path, check=False)

    missing = "Plugin 'tils' is not installed. Did you mean 'tiles'? `rtml plugins list` shows all"
    assert run().stdout == f"3\n[]\n{missing}\n"
    assert "plugin 'tiles' is blocked here (RTML_BLOCK_PLUGINS)" in run(RTML_BLOCK_PLUGINS="tiles").stderr


def test_the_file_allows_and_blocks_plugins(rtml: Rtml, file: Path) -> None:
    file.write_text('[rtml]\nblock = ["tiles"]\n')
    plugins.cache_clear()
    listed = {info["name"]: info["state"] for info in rtml("plugins", "list", "--json").json}
    assert (listed["tiles"], listed["pandas"]) == ("blocked", "ok")
    file.write_text('[rtml]\nplugins = ["other"]\n')
    plugins.cache_clear()
    listed = {info["name"]: info["state"] for info in rtml("plugins", "list", "--json").json}
    assert (listed["tiles"], listed["pandas"]) == ("blocked", "ok")
    file.write_text('[rtml]\nplugins = ["tiles"]\n')
    plugins.cache_clear()
    assert {info["name"]: info["state"] for info in rtml("plugins", "list", "--json").json}["tiles"] == "ok"


def test_what_names_a_plugin_that_is_not_installed_is_a_note(rtml: Rtml, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[rtml]\nblock = ["tils", "tiles"]\nprefer = { Same = "pandsa" }\n')
    monkeypatch.setenv("RTML_PLUGINS", "tiny,absent")
    plugins.cache_clear()
    lines = rtml("plugins", "list").out.splitlines()
    assert [line for line in lines if line.startswith("Note: ")] == [
        "Note: RTML_PLUGINS names the plugin 'absent', which is not installed.",
        f"Note: block in {file} names the plugin 'tils', which is not installed. Did you mean 'tiles'?",
        f"Note: prefer in {file} names the plugin 'pandsa', which is not installed. Did you mean 'pandas'?",
    ]
    assert f"blocked: by block in {file}"[:40] in next(line for line in lines if line.startswith("tiles"))
    assert rtml("plugins", "show", "tiles").out.endswith(f"\n\nby block in {file}\n")
    monkeypatch.setenv("RTML_PLUGINS", "absent")
    plugins.cache_clear()
    assert rtml("plugins", "show", "tiny").out.endswith("\n\nnot among RTML_PLUGINS\n")
