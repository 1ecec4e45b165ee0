"""Forms of pages, filled in and sent as a browser without JavaScript does."""

from __future__ import annotations

from typing import Any, Protocol
from xml.etree.ElementTree import Element

import httpx

from tests.unit.hub.gallery.site import tree


class Sends(Protocol):
    """What asks a hub: a client of httpx, or one of the tests."""

    def post(self, path: str, **options: Any) -> httpx.Response: ...


def forms(page: httpx.Response, **fields: str) -> list[Element]:
    """The forms of a page that hold these values."""
    return [form for form in tree(page).iter("form") if fields.items() <= values(form).items()]


def values(form: Element) -> dict[str, str]:
    """What a form sends when nothing is typed and no button with a name is pressed."""
    found = {}
    for one in form.iter():
        name = one.get("name")
        if name is None:
            continue
        if one.tag == "input" and (one.get("type") not in ("checkbox", "radio") or "checked" in one.attrib):
            found[name] = one.get("value", "")
        elif one.tag == "select":
            options = list(one.iter("option"))
            chosen = [option for option in options if "selected" in option.attrib] or options[:1]
            found[name] = "".join(option.get("value", "") for option in chosen[-1:])
        elif one.tag == "textarea":
            found[name] = one.text or ""
    return found


def send(client: Sends, page: httpx.Response, holding: dict[str, str], **typed: str) -> httpx.Response:
    """Send the form of a page that holds these values, with others typed into it; each has to be a field or a button of it."""
    [form] = forms(page, **holding)
    names = {one.get("name") for one in form.iter() if one.tag in ("input", "select", "textarea", "button")}
    assert typed.keys() <= names, (typed, names)
    return client.post(form.attrib["action"], data={**values(form), **typed})
