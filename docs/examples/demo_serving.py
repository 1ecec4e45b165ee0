"""The road goes on: publish the package of demo_cdnow.py to three regions, score it over HTTP, lose an edge, roll back.

    python docs/examples/demo_serving.py [FOLDER]

FOLDER is where demo_cdnow.py put the package, build/demo by default. Everything runs on this machine, on free ports of 127.0.0.1,
and is stopped at the end.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from demo_cdnow import BUILD, LEARN_ON, SCHEMA, TRY_ON, author, customers, read_purchases, say, show, shown, title

from rtml_core.client import Client
from rtml_core.errors import RtmlError

REGIONS = ("na", "emea", "apac")
SERVICE = "buys-again"
HOME = BUILD / "up"
PACKAGE = BUILD / "buys_again.rtml"
DEEPER = BUILD / "buys_again_deeper.rtml"

Row = dict[str, Any]


def main() -> None:
    """Run this part of the demo from end to end."""
    if not PACKAGE.exists():
        raise SystemExit(f"There is no package {shown(PACKAGE)} yet: run demo_cdnow.py first, or `make demo`")
    started = time.perf_counter()
    rows = msgspec.json.Decoder().decode_lines((BUILD / "customers.jsonl").read_bytes())[:2000]
    title("A hub and three edges")
    say("One command starts them. On servers each edge stands in its region; here all are processes of this machine.")
    shutil.rmtree(HOME, ignore_errors=True)
    with running(HOME, REGIONS) as hub, Client(hub=hub) as client:
        publish(client)
        score(client, rows)
        try_another_version(client, rows)
        lose_an_edge(client, rows)
        roll_back(client, rows[0])
        look(client, rows)
    farewell(time.perf_counter() - started)


# ---- the machine ------------------------------------------------------------------------------------------------------------


@contextmanager
def running(home: Path, regions: tuple[str, ...]) -> Iterator[str]:
    """`rtml up` on a folder, for as long as the block lasts; gives the address of the hub."""
    command = [sys.executable, "-m", "rtml_core.cli", "up", "--home", str(home), "--port", "0", "--region", ",".join(regions)]
    show(f"rtml up --home {shown(home)} --port 0 --region {','.join(regions)}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2 + len(regions))]
        if not all(lines):
            raise SystemExit("rtml up did not start; what it said stands above")
        show("".join(lines).rstrip())
        yield f"http://127.0.0.1:{json.loads((home / 'up.json').read_bytes())['hub']}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


# ---- the steps, each saying what it does --------------------------------------------------------------------------------


def publish(client: Client) -> None:
    title("Publish")
    say("The hub checks the package - guards, its parity sample, the signature - keeps it, and tells the edges at once:")
    show(f"rtml publish {shown(PACKAGE)} --name {SERVICE} --region {','.join(REGIONS)}")
    start = time.perf_counter()
    done = client.publish(PACKAGE, SERVICE, regions=REGIONS, description="Will this customer buy again within 180 days?")
    say(f"Version {done.version} answers in {listed(done.regions)}, {time.perf_counter() - start:.2f} s after the command.")


def score(client: Client, rows: list[Row]) -> None:
    title("Score over HTTP")
    edges = {edge.region: edge.url for edge in client.edges()}
    body = msgspec.json.encode(rows[0]).decode()
    show(f"curl {edges['emea']}/v1/services/{SERVICE}/predict -H 'Content-Type: application/json' -d '{body}'")
    answer = client.predict(SERVICE, rows[0])
    show(f"-> {json.dumps(dict(answer))}   version {answer.version}, request {answer.request_id}")
    lines = [f"{'2,000 customers, one by one':<30}{'median':>10}{'p99':>10}   milliseconds, client included"]
    for region, url in edges.items():
        with Client(edges={region: url}) as near:
            taken = [seconds(near, row) for row in rows]
        lines.append(f"{region:<30}{statistics.median(taken) * 1e3:>10.2f}{statistics.quantiles(taken, n=100)[98] * 1e3:>10.2f}")
    show("\n".join(lines))
    say("A page may take 100 ms from the visitor's event to the experience; the score is a small part of that.")


def seconds(client: Client, row: Row) -> float:
    start = time.perf_counter()
    client.predict(SERVICE, row)
    return time.perf_counter() - start


def try_another_version(client: Client, rows: list[Row]) -> None:
    title("Another version, for some")
    purchases = read_purchases()
    graph = author(depth=5)
    graph.fit(customers(purchases, LEARN_ON))
    graph.compile(sample=customers(purchases, TRY_ON)[list(SCHEMA)].iloc[:500]).save(DEEPER)
    say("The same graph with deeper trees. It begins as a canary: one visitor in five gets it, and the same ones each time.")
    show(f"rtml publish {shown(DEEPER)} --name {SERVICE} --share 0.2")
    client.publish(DEEPER, SERVICE, share=0.2)
    answered = Counter(client.predict(SERVICE, row, sticky=f"visitor {number}").version for number, row in enumerate(rows))
    shares = [
        f"version {version}: {count / len(rows):.1%} of {len(rows):,} visitors" for version, count in sorted(answered.items())
    ]
    show("\n".join(shares))
    client.promote(SERVICE, 2)
    say(f"It did well, so it answers everybody: {versions(client, rows[0])}.")


def lose_an_edge(client: Client, rows: list[Row]) -> None:
    title("Lose an edge")
    pid = json.loads((HOME / "running.json").read_bytes())["edge emea"]
    say(f"The edge of emea, process {pid}, is killed (kill -9) while a client that prefers emea goes on asking.")
    answered: Counter[str] = Counter()
    failed: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with Client(hub=client.hub, region="emea") as near:
            while not stop.is_set():
                for row in rows[:100]:
                    try:
                        answered[near.predict(SERVICE, row).region] += 1
                    except Exception as error:  # counted and shown
                        failed.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_until(lambda: answered["emea"] > 100)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: sum(answered.values()) - answered["emea"] > 100)
        before = answered["emea"]
        say("The others answer. `rtml up` starts the edge again; it serves from its disk and takes its region back.")
        wait_until(lambda: answered["emea"] > before + 100)
    finally:
        stop.set()
        asking.join()
    show(
        "\n".join([*(f"{region:<6}{count:>8,} answers" for region, count in answered.most_common()), f"failed {len(failed):>7,}"])
    )
    if failed:
        raise SystemExit(f"requests failed: {failed[0]}")


def roll_back(client: Client, row: Row) -> None:
    title("Roll back")
    show(f"rtml services rollback {SERVICE}")
    start = time.perf_counter()
    client.rollback(SERVICE)
    say(f"{time.perf_counter() - start:.2f} s later every edge answers with the version before: {versions(client, row)}.")
    entries = client.audit(SERVICE)
    show(
        "\n".join(
            f"{entry.at[11:19]}  {entry.actor:<8}{entry.action:<18}{described(entry.details)}" for entry in reversed(entries)
        )
    )


def look(client: Client, rows: list[Row]) -> None:
    """The gallery, for as long as somebody at a terminal looks at it."""
    title("Look at it")
    say("The gallery shows all of it in a browser: try a customer, see the graph, versions, traffic and how live data drifts.")
    address = f"{client.hub}/gallery/services/{SERVICE}"
    start = time.perf_counter()
    with urllib.request.urlopen(address, timeout=30) as answer:
        answer.read()
    show(f"Open {address}   (answered {answer.status} in {(time.perf_counter() - start) * 1e3:.0f} ms)")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    say("Customers go on asking, so that the charts move. Press Enter to stop it all.")
    stop = threading.Event()

    def ask() -> None:
        for row in itertools.cycle(rows):
            if stop.wait(0.02):
                return
            with contextlib.suppress(RtmlError):  # an edge may be stopped while somebody plays with it
                client.predict(SERVICE, row)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        input()
    except (KeyboardInterrupt, EOFError):
        pass
    finally:
        stop.set()
        asking.join()


def described(details: dict[str, Any]) -> str:
    """The short values of an audit entry."""
    return ", ".join(f"{name} {value}" for name, value in details.items() if value and len(str(value)) < 40)


def versions(client: Client, row: Row) -> str:
    """Which version each region answers with."""
    said = []
    for edge in client.edges():
        with Client(edges={edge.region: edge.url}) as near:
            said.append(f"{edge.region} by version {near.predict(SERVICE, row).version}")
    return ", ".join(said)


def farewell(taken: float) -> None:
    title("What to try with it")
    show(
        f"rtml up --home {shown(HOME)} --port 8000   # the services are still there\n"
        f"http://127.0.0.1:8000/gallery   # and so is the gallery\n"
        f"rtml services show {SERVICE}\n"
        f"rtml edges list\n"
        f"rtml predict {SERVICE} --input {shown(BUILD)}/customers.jsonl"
    )
    say(f"Everything was stopped again. This part took {taken:.0f} s.")


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("waited for a minute in vain")
        time.sleep(0.05)


def listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


if __name__ == "__main__":
    main()
