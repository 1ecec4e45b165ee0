"""A hub with something in it to look at, and pages as trees."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import httpx
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from rtml_core import operators as op
from rtml_core.client.records import NewKey
from rtml_core.package import Manifest
from rtml_plugins.serving.measures import Bins, Counted
from tests.unit.hub.served import Client, Served, opened, served

#: elements of HTML that have no end
VOID: Final = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
PLANS: Final = ("basic", "plus", "family")
SCHEMA: Final = {
    "age": {"type": "float?", "min": 0, "max": 120, "doc": "In years."},
    "visits": "int",
    "member": "bool",
    "plan": {"type": "string?", "categories": list(PLANS)},
    "city": "string?",
    "seen_at": "timestamp",
}
#: a row as an edge takes it
ROW: Final = {"age": 41.5, "visits": 3, "member": True, "plan": "plus", "city": "Bonn", "seen_at": "2026-03-01T09:30:00Z"}


@cache
def frame(rows: int = 400) -> pd.DataFrame:
    """What "churn" learns from."""
    random = np.random.default_rng(7)
    made = pd.DataFrame(
        {
            "age": random.uniform(18, 90, rows).round(1),
            "visits": random.poisson(4, rows),
            "member": random.random(rows) < 0.4,
            "plan": random.choice(PLANS, rows),
            "city": random.choice(["Bonn", "Köln", "Aachen"], rows),
            "seen_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 90 * 24, rows), unit="h"),
        }
    ).astype({"plan": "str", "city": "str"})
    made["left"] = (made["age"] / 90 + random.normal(0, 0.3, rows) > 0.6).astype("int64")
    made.loc[::17, "age"] = np.nan
    made.loc[::23, "plan"] = None
    return made


@cache
def package(number: float = 40.0) -> bytes:
    """A package of the service "churn": pandas, an encoder, a model; another number is another version of it."""
    graph = (
        op.Receiver(schema=SCHEMA)
        >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
        >> op.Pandas(import_="fillna", cols="age", kwargs={"value": float(number)}, inplace=True)
        >> op.Pandas(import_="fillna", cols="plan", kwargs={"value": "basic"}, inplace=True)
        >> op.OneHotEncoder(cols=["plan"], categories={"plan": list(PLANS)})
        >> op.ScikitLearn(
            model=LogisticRegression(max_iter=500),
            features=["age", "visits", "hour", *(f"plan_{plan}" for plan in PLANS)],
            label="left",
            outputs={"propensity": "probability[1]"},
        )
    )
    graph.outputs = {"propensity": "propensity"}
    graph.fit(frame())
    return graph.compile(sample=frame().drop(columns="left")).data


class Site(Served):
    """A hub whose gallery is looked at. secrets: of the keys by their name, on a hub that has some."""

    secrets: Mapping[str, str] = {}

    def visitor(self, key: str | None = None, **options: Any) -> Visitor:
        """A browser of its own. key: name of the key it signs in with."""
        made = Visitor(self, **options)
        if key is not None:
            made.sign_in(self.secrets[key])
        return made


class Visitor:
    """A browser without JavaScript: keeps cookies, sends forms with the token of the page they are on."""

    def __init__(self, site: Site, **options: Any):
        self.client = Client(site.app, site.portal, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page, e.g. "/gallery/services/churn"; redirects are not followed."""
        return self.client.get(path, **options)

    def post(
        self, path: str, form: Mapping[str, str] | None = None, *, csrf: str | None = None, **options: Any
    ) -> httpx.Response:
        """Send a form. csrf: another token than that of this session's pages."""
        return self.client.post(path, data={**(form or {}), "csrf": self.csrf() if csrf is None else csrf}, **options)

    def csrf(self) -> str:
        """What forms of this session carry."""
        page = self.get("/gallery/sign-in")
        body = tree(page).find(".//body")
        assert body is not None, page.text
        token: str = json.loads(body.get("hx-headers", "{}"))["X-CSRF-Token"]
        return token

    def sign_in(self, secret: str, **form: str) -> httpx.Response:
        """Sign in with an API key."""
        return self.post("/gallery/sign-in", {"key": secret, **form})


@contextmanager
def site(home: Path, **options: Any) -> Iterator[Site]:
    """The application of the hub in a folder, running."""
    with served(home, **options) as running:
        yield Site(running.hub, running.app, running.settings, running.portal)


@cache
def _keys() -> Mapping[str, tuple[str, ...]]:
    return {"admin": ("admin",), "publisher": ("publish", "predict", "debug"), "viewer": ("predict",)}


def with_keys(at: Site) -> Site:
    """The same with keys: admin, publisher, viewer, and limited, a viewer of "churn" only."""
    made: dict[str, NewKey] = {name: at.keys.create(name, scopes) for name, scopes in _keys().items()}
    made["limited"] = at.keys.create("limited", ["predict", "debug"], services=["churn"])
    at.secrets = {name: key.secret for name, key in made.items()}
    return at


def counted(manifest: Manifest) -> Counted:
    """Ten requests, whose values lie as those of the training did."""
    baseline = manifest.baseline
    columns = {} if baseline is None else {one.name: Bins(list(one.counts), one.missing) for one in baseline.inputs}
    outputs = {} if baseline is None else {one.name: Bins(list(one.counts), one.missing) for one in baseline.outputs}
    rows = 0 if baseline is None else baseline.rows
    return Counted({"ok": 9, "error": 1}, [0, 4, 6], 0.004, rows, columns, outputs)


def filled(folder: Path) -> Path:
    """A folder with a hub that has the service "churn" in two versions, of which the second answers."""
    hub, _ = opened(folder)
    try:
        for number, message in ((40.0, "the first"), (45.0, "older people")):
            hub.publish("churn", package(number), actor="ada", regions=["na", "emea"], description="Who leaves", message=message)
    finally:
        hub.close()
    return folder


def copied(folder: Path, into: Path) -> Path:
    """Another folder with the same hub."""
    shutil.copytree(folder, into, dirs_exist_ok=True)
    return into


class _Tree(HTMLParser):
    """Builds a tree; AssertionError for elements that are not closed, or closed in another order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.builder = ElementTree.TreeBuilder()
        self.open: list[str] = []
        self.builder.start("root", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing (line {self.getpos()[0]})"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> (line {self.getpos()[0]})"
        self.open.pop()
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)


def tree(response: httpx.Response | str) -> ElementTree.Element:
    """A page as a tree, for .find(".//h1") and .iter(); its elements have to be closed as they were opened."""
    text = response if isinstance(response, str) else response.text
    parser = _Tree()
    parser.feed(text)
    parser.close()
    assert not parser.open, f"never closed: {parser.open}"
    parser.builder.end("root")
    return parser.builder.close()


def words(element: ElementTree.Element) -> str:
    """The text in an element, blanks made one."""
    return " ".join("".join(element.itertext()).split())
