"""`rtml notebook`: JupyterLab with a running hub and edge, and a template opened."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rtml_core.client import Client

_EXAMPLE: Final = """\b
Example:
  rtml notebook
  rtml notebook your_own_onnx --folder work
  rtml notebook work/churn.ipynb --home shop --region na,emea
"""


@click.command("notebook", epilog=_EXAMPLE)
@click.argument("what", metavar="[TEMPLATE|FILE]", required=False)
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where hub and edges keep everything [default: up in $RTML_HOME, or in ~/.rtml].",
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where notebooks are [default: the current folder, or that of FILE].",
)
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of JupyterLab; 0: a free one [default: 8888, or one near it].")
@click.option("--region", "regions", multiple=True, metavar="NAMES", help="Regions that must have an edge, e.g. na,emea.")
@click.option("--no-browser", is_flag=True, help="Open no browser; the address is printed.")
@click.option("--list", "list_them", is_flag=True, help="List the templates, and start nothing.")
def notebook(
    what: str | None,
    home: Path | None,
    folder: Path | None,
    port: int | None,
    regions: tuple[str, ...],
    no_browser: bool,
    list_them: bool,
) -> None:
    """Start JupyterLab with a running hub and edge, and open a template.

    A copy of the template is put into the folder of the notebooks; one that is there is opened as it is. Without a name it is the
    first of --list. FILE is a notebook of yours. Kernels find the hub: rtml.connect() in a notebook is a client of it.

    The hub is that of RTML_HUB when it is set, else the `rtml up` of the home, which is started unless it runs. Ctrl-C stops
    JupyterLab, and what was started with it.
    """
    if list_them:
        click.echo(_listed())
        return
    from rtml_core.client.addresses import HUB_VARIABLE
    from rtml_plugins.notebook.lab import LOG, Lab, check_installed
    from rtml_plugins.serving.tables import table
    from rtml_plugins.up.embedded import connect, stop_started
    from rtml_plugins.up.home import default_home

    check_installed()
    file, folder, told = _placed(what, folder)
    with connect(home=home, regions=regions) as client:
        places = _places(client)
        kept = (home or default_home()).absolute()
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        lab = Lab(folder, file, port, not no_browser, kept / LOG, {HUB_VARIABLE: client.hub})
        try:
            address = lab.start(stopping)
            if address is not None:
                places.append(["notebook", "-", address])
                click.echo(table(["what", "region", "address"], places))
                click.echo(f"{told}\nJupyter's messages are in {lab.log}. Ctrl-C stops it all.")
                sys.stdout.flush()
            while not stopping.wait(0.2) and lab.ended() is None:
                pass
            if not stopping.is_set() and lab.ended() != 0:
                raise click.ClickException(f"JupyterLab ended: {lab.said()}")
        finally:
            lab.stop()
            stop_started()
    click.echo("rtml notebook: stopped", err=True)


def _listed() -> str:
    from rtml_plugins.notebook.template_files import names, title
    from rtml_plugins.serving.tables import table

    return table(["template", "title"], [[name, title(name)] for name in names()])


def _placed(what: str | None, folder: Path | None) -> tuple[Path, Path, str]:
    """The notebook to open, the folder of notebooks, and what to say about it."""
    from rtml_plugins.notebook.template_files import DEFAULT, copy

    given = Path(what) if what is not None else None
    if given is not None and given.is_file():
        file = given.resolve()
        folder = folder.resolve() if folder is not None else file.parent
        if not file.is_relative_to(folder):
            raise click.UsageError(f"{file} is not in {folder}, so JupyterLab could not open it: leave out --folder")
        return file, folder, f"Notebooks are in {folder}."
    if given is not None and (given.suffix == ".ipynb" or len(given.parts) > 1):
        raise click.UsageError(f"there is no notebook {what}: name one that exists, or a template of rtml notebook --list")
    folder = (folder or Path()).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    file, fresh = copy(what or DEFAULT, folder)
    how = f"{file.name} is a copy of the template" if fresh else f"{file.name} was there already, and is as you left it"
    return file, folder, f"Notebooks are in {folder}; {how}."


def _places(client: Client) -> list[list[str]]:
    """What there is, and where."""
    from rtml_core.client import NotAllowed

    rows = [["hub", "-", client.hub]]
    try:
        rows += [["edge", edge.region, edge.url] for edge in client.edges()]
    except NotAllowed:
        rows.append(["edges", "-", "not told: the hub asks for a key, set RTML_API_KEY to one"])
    return [*rows, ["gallery", "-", f"{client.hub}/gallery"]]
