"""The extension of Jupyter's server behind the tile Gallery: a page that leads to the hub, wherever it is.

Jupyter's server is told of it by etc/jupyter/jupyter_server_config.d/rtml.json, which the wheel installs. The address of a tile
is fixed, and the hub's is not: so the tile opens this page, and the page looks for the hub.
"""

from __future__ import annotations

import asyncio
import html
import ipaddress
import os
from typing import Any, Final
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from rtml_core.client.addresses import HUB_VARIABLE
from rtml_core.errors import RtmlError
from rtml_plugins.up.home import default_home
from rtml_plugins.up.ports import answers

#: what the tile has as its address; jupyter-app-launcher puts the value there, as only the server knows its own base
PAGE_VARIABLE: Final = "RTML_GALLERY_PAGE"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Gallery</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 12vh auto; padding: 0 1.5rem }}
  pre {{ padding: .8rem 1rem; background: #8881; border-radius: 6px; overflow-x: auto }}
</style>
<h1>{title}</h1>
{body}
<p><a href="">Try again</a></p>
</html>
"""


class GalleryHandler(JupyterHandler):
    """Leads to the gallery of the hub; without one, says how to start it."""

    @web.authenticated
    async def get(self) -> None:
        """For whoever may use this Jupyter."""
        try:
            hub = await asyncio.to_thread(_hub)
        except RtmlError as error:
            self._say("The hub can't be looked for", f"<p>{html.escape(str(error))}</p>")
            return
        if hub is None:
            self._say(*_nobody())
        elif _is_here(urlsplit(hub).hostname) and not _is_here(urlsplit(f"//{self.request.host}").hostname):
            self._say(*_far(hub))
        else:
            self.redirect(f"{hub}/gallery")

    def _say(self, title: str, body: str) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(_PAGE.format(title=html.escape(title), body=body))


def _hub() -> str | None:
    """The hub of RTML_HUB, else the one of the default folder, when it answers."""
    named = os.environ.get(HUB_VARIABLE, "").strip().rstrip("/")
    if not named:
        from rtml_plugins.up.embedded import find  # Jupyter's start is not to wait for it

        return find()
    parts = urlsplit(named)
    if parts.scheme != "http":
        return named  # with TLS it is somebody's server: the browser tells how it is
    return named if answers(parts.hostname or "", parts.port or 80) else None


def _nobody() -> tuple[str, str]:
    named = os.environ.get(HUB_VARIABLE, "").strip()
    if named:
        what = f"<p>{HUB_VARIABLE} names <code>{html.escape(named)}</code>, and nobody answers there. Start that hub, or"
        return "The hub does not answer", f"{what} start Jupyter with another address.</p>"
    body = (
        f"<p>None runs in <code>{html.escape(str(default_home()))}</code>. Start one in a notebook; it ends with the notebook's"
        f" kernel:</p><pre>import rtml\nclient = rtml.connect()</pre><p>Or in a terminal, where it stays until you stop it:</p>"
        f"<pre>rtml up</pre>"
    )
    return "No hub is running", body


def _far(hub: str) -> tuple[str, str]:
    """Jupyter runs on another machine than the browser, and the hub listens to its own machine only."""
    port = urlsplit(hub).port or 80
    body = (
        f"<p>The hub listens on <code>{html.escape(hub)}</code> of the machine that Jupyter runs on, which no browser elsewhere"
        f" reaches."
        f" Forward its port, then open <code>http://127.0.0.1:{port}/gallery</code>:</p>"
        f"<pre>ssh -L {port}:127.0.0.1:{port} USER@MACHINE</pre>"
    )
    return "The hub is on another machine", body


def _is_here(host: str | None) -> bool:
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "rtml_plugins.notebook.server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Called once by Jupyter's server when it starts."""
    base = server.web_app.settings["base_url"]
    page = url_path_join(base, "rtml", "gallery")
    server.web_app.add_handlers(".*$", [(page, GalleryHandler)])
    os.environ[PAGE_VARIABLE] = page
