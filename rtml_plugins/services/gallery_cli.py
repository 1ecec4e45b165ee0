"""`rtml gallery`: the hub's pages, in a browser."""

from __future__ import annotations

import os
import sys

import click

from rtml_plugins.services.talking import hub_options, talking

_EXAMPLE = "\b\nExample:\n  rtml gallery open\n  rtml gallery open --hub https://hub.example --key-file me.key --no-browser\n"


@click.group("gallery", epilog=_EXAMPLE)
def gallery() -> None:
    """Look at services in the browser: find, try, compare and steer them."""


@gallery.command("open", epilog=_EXAMPLE)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@hub_options
def open_gallery(no_browser: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Print an address that opens the gallery, and open it.

    Nobody has to type a key: the button of that page opens it with the rights of the key that this command has (RTML_API_KEY, or
    --key-file), once, within 90 seconds. Whoever has the address in this time gets in, so it is not to be passed on. The browser
    gets it as an argument, which other users of this machine can read: where there are some, take --no-browser.
    """
    with talking(hub, key_file, ca) as client:
        found = client.gallery_link()
    click.echo(found.url)
    if found.expires is not None:
        click.echo("It opens the gallery once, within 90 seconds", err=True)
    if not no_browser and not _browsed(found.url):
        click.echo("No browser was found to open it: open the address in yours", err=True)


def _browsed(address: str) -> bool:
    """Whether a browser was asked to show an address. Without a screen there is none but those of the terminal, which show
    little of these pages."""
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not screen:
        return False
    import webbrowser

    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False
