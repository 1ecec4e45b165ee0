"""`rtml up` for a test, and a browser without JavaScript that looks at its pages."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

import httpx

from tests.integration.machine import RTML, SECONDS
from tests.unit.hub.gallery.site import tree, words


def new_key(home: Path, name: str, *scopes: str) -> str:
    """The secret of a key made on the hub's machine."""
    given = [part for scope in scopes for part in ("--scope", scope)]
    command = [*RTML, "keys", "create", "--home", str(home / "hub"), *given, "--name", name, "--json"]
    return str(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["secret"])


class Browser:
    """Cookies, pages as trees, forms that are sent as they stand."""

    def __init__(self, hub: str):
        self.client = httpx.Client(base_url=hub, timeout=SECONDS, follow_redirects=True)
        self.page: Element | None = None
        self.status = 0

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> Element:
        return self._shown(self.client.get(path))

    def sign_in(self, secret: str) -> None:
        page = self.client.get("/gallery/sign-in").text
        token = re.search(r"X-CSRF-Token&#34;: &#34;([0-9a-f]+)|X-CSRF-Token\": \"([0-9a-f]+)", page)
        assert token is not None, page
        self._shown(self.client.post("/gallery/sign-in", data={"key": secret, "csrf": token[1] or token[2]}))
        assert self.status == 200, self.text()

    def send(self, form: str, values: Mapping[str, str] | None = None, *, htmx: bool = False) -> Element:
        """Send a form of the page, by its id, as it stands but for the values of some labels."""
        assert self.page is not None
        (found,) = [one for one in self.page.iter("form") if one.get("id") == form]
        sent = filled(found)
        for label, value in (values or {}).items():
            sent[named(found, label)] = value
        headers = {"HX-Request": "true"} if htmx else {}
        return self._shown(self.client.post(found.get("action", ""), data=sent, headers=headers))

    def _shown(self, answer: httpx.Response) -> Element:
        self.status = answer.status_code
        self.page = tree(answer.text)
        return self.page

    def text(self, identity: str | None = None) -> str:
        """The words of the page, or of an element of it."""
        assert self.page is not None
        return words(self.page if identity is None else self.find(identity))

    def find(self, identity: str) -> Element:
        """An element by its id."""
        assert self.page is not None
        found = next((one for one in self.page.iter() if one.get("id") == identity), None)
        assert found is not None, f"nothing has the id {identity}: {words(self.page)}"
        return found

    def code(self, identity: str) -> str:
        """Text as it is copied."""
        return "".join(self.find(identity).itertext())


def filled(form: Element) -> dict[str, str]:
    """What a browser sends of a form."""
    sent = {}
    for one in form.iter():
        name = one.get("name")
        if not name:
            continue
        if one.tag == "input":
            sent[name] = one.get("value", "")
        elif one.tag == "textarea":
            sent[name] = "".join(one.itertext()).removeprefix("\n").replace("\n", "\r\n")
        elif one.tag == "select":
            options = list(one.iter("option"))
            chosen = [option for option in options if "selected" in option.attrib] or options[:1]
            sent[name] = chosen[0].get("value", words(chosen[0]))
    return sent


def named(form: Element, label: str) -> str:
    """The name of the input that has a label."""
    for one in form.iter("label"):
        if (one.text or "").strip() == label:
            identity = one.get("for")
            return next(each.get("name", "") for each in form.iter() if each.get("id") == identity)
    raise AssertionError(f"no label {label!r}: {words(form)}")
