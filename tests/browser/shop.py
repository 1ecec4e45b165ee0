"""A shop on real data: what it publishes, and visitors who ask for scores. See docs/examples/demo_cdnow.py for the data."""

from __future__ import annotations

import importlib.util
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.client import Client

ROOT = Path(__file__).resolve().parents[2]
REGIONS = ("na", "emea")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BASKET: dict[str, Any] = {
    "weekday": {"type": "string", "categories": list(DAYS)},
    "last_items": "int",
    "last_spent": "float?",
    "orders": "int",
    "returning": "bool",
    "at": "timestamp",
}


def demo() -> ModuleType:
    """docs/examples/demo_cdnow.py as a module."""
    spec = importlib.util.spec_from_file_location("demo_cdnow", ROOT / "docs" / "examples" / "demo_cdnow.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.argv
    sys.argv = [str(spec.origin)]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.argv = before
    return module


def baskets(purchases: pd.DataFrame) -> pd.DataFrame:
    """One row a purchase: what the shop knew of the customer then, and what the purchase was worth, in dollars."""
    rows = purchases.sort_values(["customer", "day"], kind="stable")
    grouped = rows.groupby("customer")
    return pd.DataFrame(
        {
            "weekday": rows["day"].dt.day_of_week.map(dict(enumerate(DAYS))),
            "last_items": grouped["items"].shift().fillna(0).astype("int64"),
            "last_spent": grouped["dollars"].shift(),
            "orders": grouped.cumcount(),
            "returning": grouped.cumcount() > 0,
            "at": rows["day"],
            "dollars": rows["dollars"],
        }
    )


def basket_graph() -> Graph:
    """From what is known of a visitor to the worth of the next basket."""
    graph = (
        op.Receiver(schema=BASKET)
        >> op.Pandas(import_="dt.month", cols="at", into="month")
        >> op.Pandas(import_="isna", cols="last_spent", into="first_visit")
        >> op.FillMissing(cols="last_spent", strategy="median")
        >> op.Pandas(import_="clip", cols="last_spent", kwargs={"upper": 500.0}, inplace=True)
        >> op.OneHotEncoder(cols="weekday")
        >> op.ScikitLearn(
            model=GradientBoostingRegressor(max_depth=3, n_estimators=40, random_state=0),
            features=["last_items", "last_spent", "orders", "month", "first_visit", *(f"weekday_{day}" for day in DAYS)],
            label="dollars",
            outputs={"worth": "value"},
        )
    )
    assert isinstance(graph, Graph)
    graph.outputs = {"worth": "worth"}
    return graph


@dataclass
class Shop:
    """A running hub with an edge in each region. rows: of visitors, by service."""

    hub: str
    home: Path
    rows: dict[str, list[dict[str, Any]]]
    key: str | None = None
    visitors: dict[str, Iterator[dict[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        self.visitors = {service: itertools.cycle(rows) for service, rows in self.rows.items()}

    @property
    def gallery(self) -> str:
        return f"{self.hub}/gallery"

    def client(self) -> Client:
        return Client(hub=self.hub, key=self.key)

    def ask(self, service: str, count: int, change: dict[str, Any] | None = None) -> None:
        """The next so many visitors, of whom `change` is true, too."""
        with self.client() as client:
            for row in itertools.islice(self.visitors[service], count):
                client.predict(service, {**row, **(change or {})})

    @contextmanager
    def visited(self, service: str, change: dict[str, Any] | None = None) -> Iterator[None]:
        """Visitors for as long as the block lasts."""
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                self.ask(service, 20, change)
                stop.wait(0.2)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@dataclass
class Packages:
    """What the shop publishes: service -> files of its versions, and rows of visitors."""

    files: dict[str, list[Path]]
    rows: dict[str, list[dict[str, Any]]]


def packages(folder: Path) -> Packages:
    """Author, learn, compile."""
    cdnow = demo()
    purchases = cdnow.read_purchases()
    train = cdnow.customers(purchases, cdnow.LEARN_ON).iloc[:6000]
    later = cdnow.customers(purchases, cdnow.TRY_ON).iloc[:3000]
    files: dict[str, list[Path]] = {"buys-again": [], "next-basket": []}
    for depth in (2, 4):
        graph = cdnow.author(depth=depth)
        graph.fit(train)
        path = folder / f"buys-again-{depth}.rtml"
        auc = roc_auc_score(later["again"], graph.run(later[list(cdnow.SCHEMA)])["buys_again"])
        graph.compile(sample=later[list(cdnow.SCHEMA)], metrics={"auc": round(auc, 4)}).save(path)
        files["buys-again"].append(path)
    known = baskets(purchases).iloc[:8000]
    basket = basket_graph()
    basket.fit(known)
    path = folder / "next-basket.rtml"
    basket.compile(sample=known[list(BASKET)].iloc[:4000]).save(path)
    files["next-basket"].append(path)
    rows = {
        "buys-again": cdnow.requests(later.sample(600, random_state=0)),
        "next-basket": asked(known.iloc[:4000].sample(600, random_state=0)),
    }
    return Packages(files, rows)


def asked(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of baskets as a web server gets them."""
    plain = frame[list(BASKET)].astype(object)
    plain["at"] = frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    records: list[dict[str, Any]] = plain.where(frame[list(BASKET)].notna(), None).to_dict("records")
    return records


@contextmanager
def running(home: Path, regions: Sequence[str] = REGIONS) -> Iterator[str]:
    """`rtml up` for as long as the block lasts; gives the address of the hub."""
    command = [sys.executable, "-m", "rtml_core.cli", "up", "--home", str(home), "--port", "0", "--region", ",".join(regions)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2 + len(regions))]
        assert all(lines), "rtml up did not start; what it said stands above"
        yield f"http://127.0.0.1:{json.loads((home / 'up.json').read_bytes())['hub']}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def publish(client: Client, made: Packages) -> None:
    """All packages, the second version of buys-again as a canary."""
    first, second = made.files["buys-again"]
    told = {"description": "Will this customer buy again within 180 days?", "owner": "ada@shop.example"}
    client.publish(first, "buys-again", regions=REGIONS, **told)
    client.publish(second, "buys-again", share=0.2, message="deeper trees")
    basket = {"description": "What the next basket of a visitor is worth, in dollars", "owner": "growth"}
    client.publish(made.files["next-basket"][0], "next-basket", regions=["na"], **basket)
