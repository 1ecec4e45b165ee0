"""Ingestion on one core: records a second, where the time goes, and the index of ids at ten million.

    python -m tests.benchmarks.ingest [--records 100000] [--ids 10000000]

Events are about 1 kB, in order of time, of persons of whom each has ten. Times are of the processor, of this process.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rtml_core.timestamps import format_timestamp
from rtml_plugins.profile.collector import Collector
from rtml_plugins.profile.home import open_home
from rtml_plugins.profile.ingest_cli import _rarely_collecting
from rtml_plugins.profile.taking import Taker
from rtml_plugins.xdm.datasets import Datasets
from rtml_plugins.xdm.datasets_ids import IdRun, lookup, merged, to_merge
from rtml_plugins.xdm.reading import read_records
from rtml_plugins.xdm.schema import builtin

BEGIN = 1_772_323_200_000_000


def events(count: int) -> Iterator[bytes]:
    """JSON of events of a shop, 1 kB each."""
    chance = random.Random(7)
    for number in range(count):
        visitor = f"{chance.randrange(count // 10 + 1):038d}"
        mail = {"Email": [{"id": f"visitor-{visitor}@example.com"}]} if chance.random() < 0.2 else {}
        items = [
            {
                "SKU": f"SKU-{chance.randrange(5000)}",
                "name": "Running shoe",
                "quantity": 1,
                "priceTotal": chance.randrange(20_000) / 100,
            }
            for _ in range(4)
        ]
        yield msgspec.json.encode(
            {
                "_id": f"{chance.getrandbits(128):032x}",
                "timestamp": format_timestamp(BEGIN + number * 1_500_000),
                "eventType": chance.choice(["web.webpagedetails.pageViews", "commerce.productViews", "commerce.purchases"]),
                "identityMap": {"ECID": [{"id": visitor, "primary": True}], **mail},
                "web": {
                    "webPageDetails": {
                        "name": f"shop: product {chance.randrange(5000)}",
                        "URL": f"https://shop.example/products/{chance.randrange(5000)}?campaign=spring&visit={number}",
                        "siteSection": "products",
                        "pageViews": {"value": 1.0},
                    },
                    "webReferrer": {"URL": "https://search.example/results?q=running+shoes", "type": "search"},
                },
                "productListItems": items,
                "commerce": {
                    "productViews": {"value": 1.0},
                    "order": {"purchaseID": f"O-{number}", "priceTotal": 49.5, "currencyCode": "EUR"},
                },
            }
        )


def pipeline(file: Path, count: int, profile: bool) -> tuple[float, float, int]:
    """Seconds of the whole, seconds of profiles, bytes of the dataset."""
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder, open_home(folder) as home:
        apply: Callable[..., Any] = home.profiles.apply

        def timed(*given: Any) -> Any:
            nonlocal spent
            begun = time.process_time()
            try:
                return apply(*given)
            finally:
                spent += time.process_time() - begun

        home.profiles.apply = timed  # type: ignore[method-assign,assignment]
        begun = time.process_time()
        done = Collector(home).collect(file, "shop-event", "web", profile=profile)
        whole = time.process_time() - begun
        assert done.accepted == count, done.refused[:3]
        return whole, spent, home.datasets.show("web").bytes


def steps(file: Path, count: int) -> dict[str, float]:
    """Microseconds a record of each step."""
    found: dict[str, float] = {}

    def timed(name: str, job: Callable[[], Any]) -> Any:
        begun = time.process_time()
        answer = job()
        found[name] = (time.process_time() - begun) / count * 1e6
        return answer

    taker = Taker(builtin().get("shop-event"))
    with tempfile.TemporaryDirectory() as folder, Datasets(folder) as datasets:
        datasets.create("web", taker.schema.id)
        reads = timed("read: JSON, exact, no name twice", lambda: list(read_records(file)))
        timed("check: schema, moment", lambda: [taker.problems(read.document, 2**62) for read in reads])
        known = timed("identities", lambda: [taker.identities(read.document) for read in reads])
        incoming = [taker.incoming(read.document, read.text, one) for read, one in zip(reads, known, strict=True)]
        with datasets.begin("web") as batch:
            timed("ids: known or new", lambda: [batch.add(incoming[at : at + 1000]) for at in range(0, count, 1000)])
            timed("write: Parquet, zstd", batch.commit)
        timed("read back in order of time", lambda: sum(1 for _ in datasets.documents("web")))
    return found


def single(senders: int, each: int = 50) -> float:
    """Events a second when each comes alone, as a site sends them, and is in dataset and profiles when the sender is answered."""
    with tempfile.TemporaryDirectory() as folder, open_home(folder) as home, ThreadPoolExecutor(senders) as pool:
        lot = list(events(senders * each))
        Collector(home).collect(b"\n".join(events(1)), "shop-event", "web")

        def send(sender: int) -> None:
            for one in lot[sender::senders]:
                Collector(home).collect(one, "shop-event", "web")

        begun = time.perf_counter()
        for done in [pool.submit(send, sender) for sender in range(senders)]:
            done.result()
        return len(lot) / (time.perf_counter() - begun)


def index(count: int, step: int = 10_000) -> None:
    """Batches of new ids until there are `count`."""
    chance = np.random.default_rng(7)
    runs: list[IdRun] = []
    written = 0
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        for number in range(count // step):
            digests = chance.integers(0, 2**64, (step, 2), dtype=np.uint64)
            assert not lookup(runs, digests)[0].any()
            run = IdRun(np.ascontiguousarray(digests[np.argsort(digests[:, 0])].T))
            together = to_merge([step, *map(len, runs)])
            if together:
                run, runs = merged([run, *runs[: together - 1]]), runs[together - 1 :]
            run.write(Path(folder) / str(number))
            runs.insert(0, IdRun.open(Path(folder) / str(number)))
            written += len(run)
        spent = time.process_time() - begun
        cost = f"{spent / count * 1e6:.2f} us to find and keep one, 16 bytes"
        print(f"index: {count:,} ids in batches of {step:,}: {cost}")
        print(f"  each written {written / count:.1f} times; {len(runs)} runs")
        for size in (100, 1000, 10_000):
            asked = chance.integers(0, 2**64, (200_000, 2), dtype=np.uint64)
            begun = time.process_time()
            for at in range(0, len(asked), size):
                lookup(runs, asked[at : at + size])
            print(f"  lookups, {size:,} at a time: {len(asked) / (time.process_time() - begun):,.0f} a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--ids", type=int, default=10_000_000)
    asked = parser.parse_args()
    count = asked.records
    with tempfile.TemporaryDirectory() as folder, _rarely_collecting():
        file = Path(folder) / "events.jsonl"
        file.write_bytes(b"\n".join(events(count)) + b"\n")
        size = file.stat().st_size
        print(f"{count:,} events of {size / count:,.0f} bytes")
        pipeline(file, count, False)  # modules, threads of Arrow
        whole, _, stored = pipeline(file, count, False)
        print(f"datasets: {count / whole:,.0f} records/s, {whole / count * 1e6:.1f} us each, {stored / count:.0f} bytes on disk")
        whole, profiles, _ = pipeline(file, count, True)
        print(f"datasets and profiles: {count / whole:,.0f} records/s, {whole / count * 1e6:.1f} us each")
        print(f"  of that applying to profiles, with reading back: {profiles / count * 1e6:.1f} us")
        for name, spent in steps(file, count).items():
            print(f"  {name}: {spent:.1f} us")
    for senders in (1, 8, 40):
        print(f"single events, {senders} at a time: {single(senders):,.0f} a second, each kept when it is answered")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB (the steps hold all records)")
    index(asked.ids)


if __name__ == "__main__":
    main()
