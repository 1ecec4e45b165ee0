"""A hub in which everything that somebody else names is an attempt to run a script, and the check that none of it is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import msgspec
import pandas as pd
from sqlalchemy import insert, update

from rtml_core import operators as op
from rtml_core.client.records import Arm, Traffic
from rtml_core.graph import Graph
from rtml_plugins.hub import tables
from rtml_plugins.serving.measures import Measures, VersionCounted, Window
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.gallery.site import Site, counted
from tests.unit.hub.served import opened

#: out of an attribute with either quote, out of an element, and markers that must never become a tag or an attribute
EVIL: Final = "</title></svg></textarea>\"'`><script>alert(1)</script><xss onxss=1>{{ 9999*99 }}"
#: the same as the name of a field or a node, and as a part of a path
NAME: Final = "'`><script>alert(1)<xss onxss=1>{{ 9999*99 }}"
LINK: Final = "javascript:alert(1)//" + NAME
_KNOWN: Final = frozenset({"htmx.min.js", "gallery.js"})
_ADDRESSES: Final = ("href", "src", "action", "formaction", "xlink:href", "hx-get", "hx-post", "hx-push-url", "srcset", "poster")


@cache
def package(number: float) -> bytes:
    """A package whose fields, categories, nodes, parameters, outputs and documentation are hostile."""
    field, text = f"age {NAME}", f"plan {NAME}"
    schema = {
        field: {"type": "float?", "doc": EVIL, "min": 0, "max": 100},
        text: {"type": "string?", "categories": ["a", EVIL], "doc": EVIL},
        "seen_at": "timestamp",
    }
    graph = Graph(outputs={f"out {NAME}": f"filled {NAME}"})
    graph.add(op.Receiver(schema=schema), f"receiver {NAME}")
    graph.add(op.Pandas(import_="fillna", cols=text, kwargs={"value": EVIL}, inplace=True), f"text {NAME}")
    graph.add(op.Pandas(import_="fillna", cols=field, kwargs={"value": number}, into=f"filled {NAME}"), f"fill {NAME}")
    graph.connect(f"receiver {NAME}", f"text {NAME}")
    graph.connect(f"text {NAME}", f"fill {NAME}")
    sample = pd.DataFrame(
        {
            field: [1.0, 2.0, None] * 20,
            text: ["a", EVIL, None] * 20,
            "seen_at": pd.Timestamp("2026-01-01"),
        }
    ).astype({text: "str"})
    return graph.compile(sample=sample, metrics={NAME: 0.5}).data


def filled(folder: Path) -> Path:
    """The folder of such a hub: what the hub itself would refuse is written to its database."""
    hub, _ = opened(folder)
    try:
        for number in (1.0, 2.0):
            hub.publish("evil", package(number), actor=EVIL, description=EVIL, owner=EVIL, message=EVIL)
        with hub.database.write(EVIL) as change:
            change.execute(update(tables.services).values(name=NAME))
        hub.update(NAME, actor=EVIL, owner=EVIL, description=EVIL, regions=["na", "emea"])
        hub.set_traffic(NAME, Traffic(1, canary=Arm(2, 0.25), sticky=f"age {NAME}"), actor=EVIL)
        hub.rollback(NAME, actor=EVIL)
        hub.deprecate(NAME, actor=EVIL, reason=EVIL)
        with hub.database.write(EVIL) as change:
            for subject in (NAME, EVIL):
                change.audit(EVIL, subject, **{EVIL: EVIL, "regions": [EVIL], "traffic": {EVIL: EVIL}, "version": EVIL})
            for number, (url, region) in enumerate(((LINK, NAME), ("http://127.0.0.1:9", NAME), (EVIL, EVIL))):
                row = {"id": f"{number}{NAME}", "region": region, "report": _report(url, region), "first": change.at}
                change.execute(insert(tables.edges).values(**row, seen=change.now))
            service = change.connection.execute(tables.services.select()).one().id
            change.execute(insert(tables.service_regions), [{"service": service, "region": name} for name in (NAME, EVIL)])
        now = hub.database.clock()
        for version in hub.get(NAME).versions:
            told = counted(hub.manifest(version.package))
            told.outcomes = {"ok": 5, "error": 5, EVIL: 1}
            window = Window(1, now - 20, now - 10, [VersionCounted(NAME, version.version, version.package, told)])
            hub.record_measures(f"{version.version}{NAME}", Measures("run", NAME, [window]))
    finally:
        hub.close()
    return folder


def _report(url: str, region: str) -> str:
    statuses = tuple(ServiceStatus(NAME, (1, 2), state, EVIL) for state in ("failed", "ready", "loading"))
    stats = {"services": {NAME: {EVIL: EVIL}}, "shadow": {NAME: [{"shadow": 1, "version": 2, "rows": EVIL}]}, EVIL: EVIL}
    said = dict.fromkeys(("name", "version", "distribution", "state", "problem", "reason", "error", "code", "api", EVIL), EVIL)
    plugins = tuple({**said, "status": state, "operators": [EVIL, NAME], "origin": LINK} for state in ("ok", "broken", EVIL))
    report = EdgeReport(region, url, True, 1, 1, EVIL, "2026-11-21T10:15:00.000Z", statuses, stats=stats, plugins=plugins)
    return msgspec.json.encode(report).decode()


@contextmanager
def with_key(at: Site) -> Iterator[str]:
    """The secret of a hostile key of that hub."""
    yield at.keys.create(EVIL[:100], ["admin"], first_is_admin=True).secret


def check(page: Element, text: str) -> None:
    """AssertionError for whatever a page must not hold, wherever it comes from."""
    assert "<script>alert" not in text.lower()
    assert "<xss" not in text.lower()
    assert "989901" not in text  # nothing is a template of a second pass
    for element in page.iter():
        where = f"<{element.tag} {element.attrib}>"
        assert element.tag not in {"style", "iframe", "object", "embed", "base", "xss", "foreignobject", "animate", "set"}, where
        assert element.tag != "meta" or "http-equiv" not in element.attrib, where
        if element.tag == "script":
            source = element.get("src", "")
            assert source.startswith("/gallery/static/"), where
            assert source.rpartition("/")[2] in _known_scripts(), where
            assert not (element.text or "").strip(), where
        for name, value in element.attrib.items():
            assert not name.startswith(("on", "hx-on", "data-hx-on")), where
            assert name not in {"style", "srcdoc", "hx-vars", "hx-ext", "hx-disinherit"}, where
            assert name != "hx-trigger" or "[" not in value, where  # a filter there is evaluated
            if name in {"hx-vals", "hx-headers", "hx-request"}:
                assert isinstance(json.loads(value), dict), where
            if name in _ADDRESSES:
                _check_address(value, where)


def _known_scripts() -> frozenset[str]:
    """Those that are in static/: a page may load them, and no others."""
    from rtml_plugins.hub.gallery import static

    return frozenset(name for name in static._files() if name.endswith(".js")) | _KNOWN


def _check_address(value: str, where: str) -> None:
    assert not any(ord(character) <= 32 for character in value), where
    scheme = urlsplit(value).scheme
    assert scheme in {"", "http", "https"}, where
    assert not value.startswith("//"), where
