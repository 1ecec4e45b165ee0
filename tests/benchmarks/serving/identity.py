"""`python -m tests.benchmarks.serving.identity`: prediction by identity beside plain prediction, with and without enrichment.

One package, ten paths of the event and ten attributes of the profile, asked in turns: as plain rows that hold the twenty fields,
and by identity with the event. The worker has a core for itself; the load has the other, and the hub and the edge's first process
have it between turns.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measure import console_script
from tests.benchmarks.serving import results
from tests.benchmarks.serving.load import Load, load, post, write
from tests.benchmarks.serving.processes import Server, cores, cpu_seconds, free_port, start

REGION: Final = "emea"
PERSONS: Final = 1000
CONNECTIONS: Final = 32
PATHS: Final = {
    "visits": ("web.visits", "float?"),
    "page": ("web.webPageDetails.name", "string?"),
    "views": ("web.webPageDetails.pageViews.value", "float?"),
    "city": ("placeContext.geo.city", "string?"),
    "latitude": ("placeContext.geo._schema.latitude", "float?"),
    "price": ("commerce.order.priceTotal", "float?"),
    "currency": ("commerce.order.currencyCode", "string?"),
    "kind": ("eventType", "string?"),
    "system": ("environment.operatingSystem", "string?"),
    "width": ("environment.browserDetails.viewportWidth", "float?"),
}
NUMBERS: Final = tuple(f"n{number}" for number in range(6))
WORDS: Final = tuple(f"w{number}" for number in range(4))
KINDS: Final = ("plain", "identity", "enriched")
SERVICE: Final = "scored"
PATH: Final = f"/v1/services/{SERVICE}/predict"
#: where the score is written, and seconds that anything may take to get there
SCORE: Final = "_acme.rtml.score"
PATIENCE: Final = 120.0


def package() -> bytes:
    """A model of the twenty fields that costs little, so that what is around it shows."""
    from rtml_core import operators as op

    events = {name: {"path": path, "type": kind} for name, (path, kind) in PATHS.items()}
    attributes: dict[str, Any] = {name: {"path": f"_acme.{name}", "type": "float", "default": 0.0} for name in NUMBERS}
    attributes |= {name: {"path": f"loyalty.{name}", "type": "string", "default": ""} for name in WORDS}
    score = " + ".join(f"{1 + at} * {name}" for at, name in enumerate(NUMBERS))
    ops = [{"set": "propensity", "to": f"{score} + width"}]
    graph: Any = op.XDM2Frame(paths=events) >> op.ProfileReader(attributes=attributes, timeout_ms=10_000) >> op.FieldOps(ops=ops)
    return graph.compile().data


def event(number: int) -> dict[str, Any]:
    """An event of some size, as pages send it."""
    return {
        "_id": f"event-{number}",
        "timestamp": "2026-11-22T10:15:00Z",
        "eventType": "commerce.productViews",
        "web": {"visits": number % 7, "webPageDetails": {"name": f"page {number % 50}", "pageViews": {"value": 1}}},
        "placeContext": {"geo": {"city": "Basel", "countryCode": "CH", "_schema": {"latitude": 47.5, "longitude": 7.6}}},
        "commerce": {"order": {"priceTotal": 99.5 + number, "currencyCode": "CHF"}},
        "environment": {"operatingSystem": "Linux", "browserDetails": {"viewportWidth": 1200 + number % 100}},
    }


def plain(number: int) -> dict[str, Any]:
    """The row that the event and the profile of a person make."""
    told = event(number)
    row: dict[str, Any] = {}
    for name, (path, _) in PATHS.items():
        value: Any = told
        for part in path.split("."):
            value = value[part]
        row[name] = value
    return row | {name: float(number + at) for at, name in enumerate(NUMBERS)} | {name: f"{name} {number % 9}" for name in WORDS}


def seed(folder: Path) -> None:
    """Persons with ten attributes each."""
    from rtml_plugins.profile.home import open_home
    from rtml_plugins.profile.records import Record

    home = open_home(folder)
    try:
        now = time.time_ns() // 1000
        records = []
        for number in range(PERSONS):
            row = plain(number)
            told = {
                "identityMap": {"ECID": [{"id": f"visitor-{number}", "primary": True}]},
                "_acme": {name: row[name] for name in NUMBERS},
                "loyalty": {name: row[name] for name in WORDS},
            }
            records.append(Record("record", "people", f"p{number}", now, now, told))
        home.profiles.apply(records)
    finally:
        home.close()


def silent_home(folder: Path, data: bytes) -> Path:
    """The folder of an edge that was told of the service and of all persons, and tells nobody: its hub is away."""
    from rtml_core import package as packages
    from rtml_core.client.records import Traffic
    from rtml_plugins.edge import files
    from rtml_plugins.edge.projections_store import Row, Store
    from rtml_plugins.serving.projections import Projection
    from rtml_plugins.serving.wire import EXCHANGE, ServiceEntry, VersionEntry

    home = files.Home(folder)
    home.make()
    identity = packages.read_archive(data).id
    home.package(identity).write_bytes(data)
    entry = ServiceEntry("1", SERVICE, (VersionEntry(1, identity, len(data)),), Traffic(1))
    files.write(home.state, files.HeldState(EXCHANGE, "hub", REGION, 1, (entry,)))
    later = time.time_ns() // 1000 + 10**12
    rows = []
    for number in range(PERSONS):
        row = plain(number)
        attributes = {f"_acme.{name}": row[name] for name in NUMBERS} | {f"loyalty.{name}": row[name] for name in WORDS}
        key = f"ecid:visitor-{number}"
        rows.append(Row(Projection(key, True, f"p{number}", attributes), later, later, "bench"))
    store = Store(folder)
    store.put(rows, feed=("bench", 1))
    store.close()
    return folder


# ---- what runs ----------------------------------------------------------------------------------------------------------


class Running:
    """A hub with an edge, which tells it predictions, and an edge that tells nobody; each with one worker.

    requests: the file of each kind of request.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack):
        self.folder = folder
        self.serving, self.core = cores()
        self.stack = stack
        data = package()
        self.hub = self._hub(data)
        self.telling = self._edge(folder / "telling", f"http://127.0.0.1:{self.hub.port}")
        self.silent = self._edge(silent_home(folder / "silent", data), f"http://127.0.0.1:{free_port()}")
        self.workers = {server.port: self._worker(server) for server in (self.telling, self.silent)}
        self.requests = {kind: self._requests(kind) for kind in ("plain", "identity")}

    def _hub(self, data: bytes) -> Server:
        seed(self.folder / "hub" / "data")
        port = free_port()
        command = [console_script("rtml"), "hub", "--home", str(self.folder / "hub"), "--port", str(port)]
        self.hub = start(command, port, self.folder / "hub.log", path="/v1/health/live", body=None, core=self.core)
        self.stack.callback(self.hub.stop)
        self.steer("POST", f"/v1/services/{SERVICE}/versions?region={REGION}", data)
        self.steer("PUT", f"/v1/services/{SERVICE}/enrichment", json.dumps({"outputs": {"propensity": SCORE}}).encode())
        return self.hub

    def _edge(self, home: Path, hub: str) -> Server:
        port = free_port()
        command = [console_script("rtml"), "edge", "--hub", hub, "--region", REGION, "--home", str(home), "--port", str(port)]
        first = json.dumps({"identity": {"ECID": "visitor-1"}, "event": event(1)}).encode()
        log = home.with_suffix(".log")
        server = start([*command, "--workers", "1"], port, log, path=PATH, body=first, core=self.core)
        self.stack.callback(server.stop)
        return server

    def _worker(self, server: Server) -> int:
        """The worker of an edge, on its core."""
        worker = next(pid for pid in server.pids if b"edge.server" in Path(f"/proc/{pid}/cmdline").read_bytes())
        for task in os.listdir(f"/proc/{worker}/task"):
            os.sched_setaffinity(int(task), {self.serving})
        return worker

    def _requests(self, kind: str) -> Path:
        made = []
        for number in range(PERSONS):
            row: Any = {"identity": {"ECID": f"visitor-{number}"}, "event": event(number)}
            body = json.dumps(plain(number) if kind == "plain" else row, separators=(",", ":")).encode()
            made.append(post(PATH, body, b'"propensity":%.1f' % self.right(number)))
        return write(made, self.folder / f"{kind}.requests")

    @staticmethod
    def right(number: int) -> float:
        """What the model says of a person."""
        row = plain(number)
        return sum((1 + at) * row[name] for at, name in enumerate(NUMBERS)) + row["width"]

    def steer(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Ask the hub; RuntimeError unless it does it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=60.0)
        try:
            kind = "application/json" if body is None or body[:1] == b"{" else "application/octet-stream"
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            data = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
            return json.loads(data) if data else None
        finally:
            connection.close()

    def meet_all(self) -> None:
        """Have both edges hold all persons."""
        for begin in range(0, PERSONS, 100):
            rows = [{"identity": {"ECID": f"visitor-{n}"}, "event": event(n)} for n in range(begin, begin + 100)]
            for server in (self.telling, self.silent):
                status, answer = server.ask(PATH, json.dumps({"rows": rows}).encode())
                if status != 200:
                    raise RuntimeError(f"{status}: {answer[:300]!r}")

    def turn(self, kind: str, seconds: float, rate: float | None = None, seed: int = 1) -> tuple[Load, float]:
        """One turn of load, and the worker's processor time for a request in us."""
        port = (self.telling if kind == "enriched" else self.silent).port
        requests = self.requests["plain" if kind == "plain" else "identity"]
        before = cpu_seconds([self.workers[port]])
        with self._stopped():
            found = load(port, requests, connections=CONNECTIONS, seconds=seconds, rate=rate, core=self.core, seed=seed)
        if found.failed:
            raise RuntimeError(f"{found.failed} requests of kind {kind} failed")
        return found, 1e6 * (cpu_seconds([self.workers[port]]) - before) / found.answered

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """Meanwhile hub and first processes stand still: they share the core of the load, and would slow it, not the worker."""
        pids = [*self.hub.pids, self.telling.process.pid, self.silent.process.pid]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def drained(self) -> float:
        """Wait until the hub has been told everything; seconds."""
        begin = time.monotonic()
        while self._waiting():
            if time.monotonic() - begin > PATIENCE:
                raise RuntimeError("the hub was not told of all predictions in time")
            time.sleep(0.05)
        return time.monotonic() - begin

    def _waiting(self) -> list[Path]:
        """Journals of which the hub has not all."""
        folder = self.folder / "telling" / "outbox"
        known = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads((folder / "positions.json").read_text())
        waiting = []
        for path in folder.glob("*.journal"):
            with contextlib.suppress(FileNotFoundError):  # all of it was told
                if known.get(path.name, 0) < _records(path):
                    waiting.append(path)
        return waiting


def _records(path: Path) -> int:
    """Bytes of a journal up to the end of its last predictions."""
    from rtml_plugins.edge.outbox import HEAD

    end = at = 0
    data = path.read_bytes()
    while at + HEAD.size <= len(data):
        size, count = HEAD.unpack_from(data, at)
        at += HEAD.size + size
        end = at if count else end
    return end


# ---- measuring ----------------------------------------------------------------------------------------------------------


def throughput(running: Running, rounds: int, seconds: float) -> dict[str, Any]:
    """Answers a second and processor time by kind: medians of turns that alternate."""
    turns: dict[str, list[tuple[Load, float]]] = {kind: [] for kind in KINDS}
    running.meet_all()
    for kind in KINDS:
        running.turn(kind, seconds / 2)  # warm
    running.drained()
    for number in range(rounds):
        for at in range(len(KINDS)):
            kind = KINDS[(at + number) % len(KINDS)]
            turns[kind].append(running.turn(kind, seconds))
            if kind == "enriched":
                running.drained()
        say(f"round {number + 1} of {rounds}: " + ", ".join(f"{kind} {turns[kind][-1][0].rate:,.0f}/s" for kind in KINDS))
    found = {
        kind: {
            "rate": statistics.median(one.rate for one, _ in taken),
            "cpu": statistics.median(cpu for _, cpu in taken),
        }
        for kind, taken in turns.items()
    }
    return found


def latency(running: Running, rates: dict[str, float], rounds: int, seconds: float) -> dict[str, Any]:
    """p50 and p99 in us, and the worker's processor time, of each kind at one rate: half of the least peak of all."""
    rate = min(rates.values()) / 2
    taken: dict[str, list[tuple[Load, float]]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for at in range(len(KINDS)):
            kind = KINDS[(at + number) % len(KINDS)]
            taken[kind].append(running.turn(kind, seconds, rate=rate, seed=number + 1))
            if kind == "enriched":
                running.drained()
    found: dict[str, Any] = {
        kind: {
            "p50": statistics.median(one.p50 for one, _ in all_),
            "p99": statistics.median(one.p99 for one, _ in all_),
            "cpu": statistics.median(cpu for _, cpu in all_),
        }
        for kind, all_ in taken.items()
    }
    return {"rate": rate, **found}


def visible(running: Running, count: int) -> list[float]:
    """Milliseconds from an answer until a look-up at the hub has its score, one after the other."""
    edge = http.client.HTTPConnection("127.0.0.1", running.telling.port, timeout=30.0)
    hub = http.client.HTTPConnection("127.0.0.1", running.hub.port, timeout=30.0)
    taken = []
    for number in range(count):
        who, request = f"visitor-{number % PERSONS}", f"visible-{number}"
        body = json.dumps({"identity": {"ECID": who}, "event": event(number)}).encode()
        before = _score_time(hub, who)
        edge.request("POST", PATH, body, {"Content-Type": "application/json", "X-Request-Id": request})
        answer = edge.getresponse()
        answer.read()
        answered = time.perf_counter()
        while _score_time(hub, who) == before:
            if time.perf_counter() - answered > PATIENCE:
                raise RuntimeError(f"the score of {who} never got to the hub")
        taken.append(1e3 * (time.perf_counter() - answered))
    edge.close()
    hub.close()
    return sorted(taken)


def _score_time(hub: http.client.HTTPConnection, who: str) -> Any:
    """When the score of a person was made, as a look-up tells it."""
    hub.request("GET", f"/v1/profiles?namespace=ECID&id={who}&fields={SCORE}")
    answer = hub.getresponse()
    document = json.loads(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"the hub does not know {who}: {document}")
    return json.dumps(document["attributes"], sort_keys=True)


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]


def measure(*, rounds: int = 7, seconds: float = 1.0, count: int = 300) -> dict[str, Any]:
    """All figures."""
    begin = time.monotonic()
    before = results.processor_time()
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name, contextlib.ExitStack() as stack:
        running = Running(Path(name), stack)
        say("hub and edge are up")
        rates = throughput(running, rounds, seconds)
        paced = latency(running, {kind: found["rate"] for kind, found in rates.items()}, max(2, rounds // 2), seconds)
        seen = visible(running, count)
    now = results.processor_time()
    return {
        "machine": results.machine(),
        "rounds": rounds,
        "seconds": seconds,
        "throughput": rates,
        "latency": paced,
        "visible": {
            "count": count,
            **{f"p{int(100 * share)}": quantile(seen, share) for share in (0.5, 0.9, 0.99)},
            "most": seen[-1],
        },
        "stolen": (now[1] - before[1]) / (now[0] - before[0]),
        "took": time.monotonic() - begin,
    }


def page(result: dict[str, Any]) -> str:
    """The figures as a table."""
    rates, paced, seen = result["throughput"], result["latency"], result["visible"]
    names = {"plain": "plain rows", "identity": "by identity", "enriched": "by identity, told to the hub"}
    lines = [
        f"| | answers a second | of plain | worker's us a request | and at {paced['rate']:,.0f} a second | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, name in names.items():
        one, slow = rates[kind], paced[kind]
        share = one["rate"] / rates["plain"]["rate"]
        lines.append(
            f"| {name} | {one['rate']:,.0f} | {share:.2f} | {one['cpu']:.1f} | {slow['cpu']:.1f} | {slow['p50'] / 1e3:.2f} |"
            f" {slow['p99'] / 1e3:.2f} |"
        )
    lines += [
        "",
        f"From the answer until a look-up at the hub has the score: p50 {seen['p50']:.0f} ms, p90 {seen['p90']:.0f} ms,"
        f" p99 {seen['p99']:.0f} ms, at most {seen['most']:.0f} ms ({seen['count']} times). {result['rounds']} turns of"
        f" {result['seconds']:g} s each; {100 * result['stolen']:.0f} % of the machine's time was taken by others.",
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    yield


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.identity", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each kind")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn")
    parser.add_argument("--count", type=int, default=300, help="predictions whose way to the hub is timed")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    given = parser.parse_args()
    with _stopped_in_order():
        result = measure(rounds=given.rounds, seconds=given.seconds, count=given.count)
    print(json.dumps(result, indent=2) if given.json else page(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
