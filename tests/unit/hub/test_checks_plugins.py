"""Packages that run code of a plugin: a hub asks whether it is installed and trusted, and lets it run elsewhere only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rtml_plugins.hub.checks import Limits, check_package
from rtml_plugins.hub.errors import Refused
from tests.unit.core.cli.helpers import child
from tests.unit.core.test_custom_ops_trust import GRAPH, PLUGIN, put

LOUD = PLUGIN.replace("VERSION", "1")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("built")
    (folder / "graph.json").write_text(json.dumps(GRAPH))
    done = child("compile", "graph.json", "-o", "m.rtml", path=put(folder, LOUD), cwd=folder)
    assert done.code == 0, done.err
    return (folder / "m.rtml").read_bytes()


def install(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(put(folder, text)), os.environ.get("PYTHONPATH", "")]))


def test_a_plugin_that_is_not_there_is_named(built: bytes) -> None:
    with pytest.raises(Refused, match=r"shouting:shout 1 of Rtml_Shout 1\.4, which is not installed here: pip install"):
        check_package(built)


def test_a_plugin_has_to_be_trusted(built: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, LOUD, monkeypatch)
    with pytest.raises(Refused, match="is not trusted here"):
        check_package(built)
    assert not check_package(built, trust=("rtml-shout",)).manifest.portable
    monkeypatch.setenv("RTML_TRUST", "rtml-shout")
    assert check_package(built).manifest.foreign[0].plugin == "shout"


def test_code_that_prints_ends_or_never_ends_harms_nobody(built: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(body: str) -> str:
        return LOUD.replace("    return np.array", f"    {body}\n    return np.array")

    install(tmp_path / "prints", changed("print('{}', flush=True)"), monkeypatch)
    assert check_package(built, trust=("rtml-shout",)).id == built[-64:].decode()
    install(tmp_path / "ends", changed("import os; os._exit(0)"), monkeypatch)
    with pytest.raises(Refused, match="it ended the process that loaded it"):
        check_package(built, trust=("rtml-shout",))
    install(tmp_path / "never", changed("import time; time.sleep(600)"), monkeypatch)
    with pytest.raises(Refused, match="took more than 4 s"):
        check_package(built, trust=("rtml-shout",), limits=Limits(seconds=4))
