"""The code of docs/how-to/documented-code.md runs, and the page names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtml_core.client import Client

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "documented-code.md"
EVENTS = [
    {
        "_id": str(day),
        "timestamp": f"2026-03-0{day}T10:00:00Z",
        "eventType": "view" if day % 2 else "buy",
        "_acme": {"spent": day},
    }
    for day in range(1, 5)
]


@pytest.mark.skipif(not PAGE.is_file(), reason="the package stands alone")
def test_the_page_does_what_it_says(hub: str) -> None:
    client = Client(hub=hub)
    client.ingest(EVENTS, schema="shop-event", dataset="web")
    names: dict[str, object] = {}
    for number, code in enumerate(re.findall(r"^```py\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)):
        exec(compile(code, f"{PAGE}, block {number}", "exec"), names)
    assert names["frame"]["_acme.spent"].tolist() == [4, 3, 2]  # type: ignore[index]
    assert names["write_tracker"].written == 3  # type: ignore[attr-defined]
    client.delete_dataset("web")


@pytest.mark.skipif(not PAGE.is_file(), reason="the package stands alone")
def test_the_page_names_every_module(hub: str) -> None:
    from rtml_nodelibs.core.nodefactory import NodeFactory

    documented = [name for name, path in NodeFactory.discover_nodes().items() if path.startswith("rtml_nodelibs.")]
    assert len(documented) == 12
    for name in documented:
        assert f"`{name}`" in PAGE.read_text()
