"""`rtml notebook`: JupyterLab with a hub and edge, and a notebook opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtml_core.testing import Cli
from rtml_plugins.notebook.template_files import copy, names
from rtml_plugins.up.embedded import find
from tests.integration.machine import RTML, until, up
from tests.integration.notebook.jupyter import SECONDS, alive, environment, get, notebook


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "up"


@pytest.fixture(scope="module")
def hub(home: Path) -> Iterator[str]:
    """An `rtml up` that somebody runs in the home."""
    with up(home, "--port", "0") as hub:
        yield hub


def test_a_notebook_is_opened_with_the_hub_that_runs_which_goes_on_when_jupyter_stops(
    tmp_path: Path, home: Path, hub: str
) -> None:
    work = tmp_path / "my work"
    work.mkdir()
    (work / "mine & yours.ipynb").write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    with notebook(tmp_path, str(work / "mine & yours.ipynb"), "--home", str(home)) as started:
        assert started.hub == hub
        assert "/lab/tree/mine%20%26%20yours.ipynb?token=" in started.notebook
        assert f"Notebooks are in {work}." in started.told
        listed = json.loads(get(f"{started.base}/api/contents", started.token).text)
        assert [entry["name"] for entry in listed["content"]] == ["mine & yours.ipynb"]
        gallery = get(f"{started.base}/rtml/gallery", started.token)
        assert (gallery.status, gallery.location) == (302, f"{hub}/gallery")
        stranger = get(f"{started.base}/rtml/gallery")
        assert hub not in (stranger.location or "")
        pids = started.pids()
    assert not any(alive(pid) for pid in pids)
    assert find(home) == hub


def test_jupyter_that_does_not_start_says_why(tmp_path: Path, home: Path, hub: str) -> None:
    taken = hub.rpartition(":")[2]
    command = [*RTML, "notebook", "--no-browser", "--home", str(home), "--folder", str(tmp_path / "work"), "--port", taken]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment(tmp_path))
    assert done.returncode == 2
    assert "JupyterLab did not start: " in done.stderr
    assert f"port {taken} is already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tile_of_the_gallery_leads_to_the_hub_or_says_how_to_get_there(tmp_path: Path, home: Path, hub: str) -> None:
    """In a Jupyter that was started without `rtml notebook`."""
    env = {**environment(tmp_path), "JUPYTER_TOKEN": "secret", "RTML_HOME": str(tmp_path / "empty")}
    command = [sys.executable, "-m", "jupyter_server", "--ServerApp.port=0", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.root_dir={tmp_path}", "--ServerApp.allow_remote_access=True", "--ServerApp.base_url=/user/ada/"]
    process = subprocess.Popen(command, env=env)
    try:
        told = tmp_path / "runtime" / f"jpserver-{process.pid}.json"
        until(lambda: told.exists() and told.read_text().endswith("}"))
        page = f"{json.loads(told.read_bytes())['url'].replace('localhost', '127.0.0.1')}rtml/gallery"
        assert "/user/ada/rtml/gallery" in page
        until(lambda: reached(page))
        answer = get(page, "secret")
        assert answer.status == 200
        assert "No hub is running" in answer.text
        assert "rtml.connect()" in answer.text
        assert "rtml up" in answer.text
        (tmp_path / "empty").symlink_to(home.parent)
        assert get(page, "secret").location == f"{hub}/gallery"
        far = get(page, "secret", {"Host": "jupyter.example"})
        assert far.status == 200
        assert f"ssh -L {hub.rpartition(':')[2]}:127.0.0.1" in far.text
    finally:
        process.terminate()
        process.wait(SECONDS)


def reached(url: str) -> bool:
    try:
        return get(url).status > 0
    except OSError:
        return False


def test_templates_are_listed_with_their_titles(rtml_cli: Cli) -> None:
    done = rtml_cli("notebook", "--list")
    assert names()[0] == "train_and_publish"
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == names()


def test_a_template_is_copied_once_and_what_is_there_is_left_alone(tmp_path: Path) -> None:
    path, fresh = copy("train_and_publish", tmp_path)
    assert fresh
    assert json.loads(path.read_bytes())["nbformat"] == 4
    path.write_text("my work")
    assert copy("train_and_publish", tmp_path) == (path, False)
    assert path.read_text() == "my work"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train_and_publsh"], "Did you mean 'train_and_publish'?"),
        (["missing.ipynb"], "there is no notebook missing.ipynb: name one that exists, or a template of rtml notebook --list"),
        ([__file__, "--folder", os.path.dirname(sys.executable)], "leave out --folder"),
    ],
)
def test_what_can_not_be_opened_is_refused_before_anything_starts(
    rtml_cli: Cli, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = rtml_cli("notebook", "--home", str(tmp_path / "home"), *arguments)
    assert done.code == 2
    assert said in done.error
    assert not (tmp_path / "home").exists()


def test_without_the_extra_it_says_what_to_install(rtml_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_app_launcher", None)
    done = rtml_cli("notebook")
    assert done.code == 2
    assert done.error == 'jupyter_app_launcher is not installed: pip install "rtml[notebook]"'
