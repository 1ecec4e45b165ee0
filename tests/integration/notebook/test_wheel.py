"""What the wheel of rtml installs for JupyterLab: section of the launcher, notebooks, icons, extension of the server."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest

ROOT = Path(__file__).parents[3]
BUILD = "import hatchling.build as b, sys; b.build_wheel(sys.argv[1]); b.build_editable(sys.argv[2])"
LAUNCHER = "share/jupyter/jupyter_app_launcher"
SERVER = "etc/jupyter/jupyter_server_config.d/rtml.json"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What a wheel puts into the folder of an environment, of the real wheel and of one for `pip install -e`."""
    folder = tmp_path_factory.mktemp("wheels")
    made = {kind: folder / kind for kind in ("wheel", "editable")}
    subprocess.run([sys.executable, "-c", BUILD, *map(str, made.values())], cwd=ROOT, check=True, timeout=120)
    data = {}
    for kind, built in made.items():
        [wheel] = built.glob("rtml-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(built)
        [data[kind]] = built.glob("rtml-*.data/data")
    return data


@pytest.fixture(scope="module", params=["wheel", "editable"])
def data(request: pytest.FixtureRequest, installed: dict[str, Path]) -> Path:
    return installed[request.param]


@pytest.fixture(scope="module")
def tiles(data: Path) -> list[dict[str, Any]]:
    """What jupyter-app-launcher itself makes of the file."""
    from jupyter_app_launcher.utils import parse_config

    [file] = (data / LAUNCHER).glob("*.yaml")
    assert file.name.startswith("jp_app_launcher")
    tiles: list[dict[str, Any]] = parse_config(str(file.parent), str(file))
    return tiles


def test_the_section_has_its_tiles(tiles: list[dict[str, Any]]) -> None:
    assert {tile["catalog"] for tile in tiles} == {"Real-time ML"}
    assert [(tile["title"], tile["type"]) for tile in tiles] == [
        ("Train and publish", "notebook"),
        ("Your own ONNX", "notebook"),
        ("Your own operator", "notebook"),
        ("Blank with rtml", "notebook"),
        ("Gallery", "url"),
    ]
    assert all(tile["description"] for tile in tiles)


def test_a_tile_has_an_icon_and_a_notebook_that_is_empty_of_results(tiles: list[dict[str, Any]]) -> None:
    for tile in tiles:
        assert ElementTree.fromstring(tile["icon"]).tag.endswith("svg")
        if tile["type"] == "notebook":
            notebook = nbformat.reads(tile["sourceCode"], as_version=4)
            nbformat.validate(notebook)
            assert notebook.metadata.kernelspec.name == "python3"  # what ipykernel installs: a kernel starts without a question
            assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
            assert notebook.cells[0].cell_type == "markdown"  # the tile makes the second cell the current one
            assert notebook.cells[1].cell_type == "code"


def test_every_template_is_there_as_it_is_in_the_package(data: Path) -> None:
    templates = {path.name: path.read_bytes() for path in (ROOT / "rtml_plugins" / "notebook" / "templates").glob("*.ipynb")}
    assert templates
    for name, content in templates.items():
        assert (data / LAUNCHER / "rtml" / name).read_bytes() == content


def test_the_servers_extension_can_be_imported(data: Path) -> None:
    enabled = json.loads((data / SERVER).read_bytes())["ServerApp"]["jpserver_extensions"]
    assert enabled == {"rtml_plugins.notebook.server": True}
    from rtml_plugins.notebook import server

    assert server._jupyter_server_extension_points() == [{"module": "rtml_plugins.notebook.server"}]
    assert callable(server._load_jupyter_server_extension)


def test_nothing_else_is_put_into_the_environment(data: Path) -> None:
    found = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    assert {path for path in found if Path(path).suffix not in (".ipynb", ".svg")} == {
        f"{LAUNCHER}/jp_app_launcher_rtml.yaml",
        SERVER,
    }
