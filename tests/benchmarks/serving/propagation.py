"""`python -m tests.benchmarks.serving.propagation`: from publishing at a hub until every edge answers with the new version."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core import package
from tests.benchmarks.measure import console_script
from tests.benchmarks.serving import results, rtml
from tests.benchmarks.serving.processes import Server, free_port, start
from tests.benchmarks.serving.startup import show, spread
from tests.benchmarks.serving.work import Work, work

#: one edge in each, as the documented product has them
REGIONS: Final = ("na", "emea", "apac")
PATIENCE: Final = 30.0


def measure(count: int = 20) -> dict[str, Any]:
    """Seconds from the request to publish until all edges answer with the version; `count` times."""
    job = work()
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        hub = _hub(folder, stack)
        publish(hub, variant(job.package.read_bytes(), 0))
        edges = [_edge(hub, region, folder, job, stack) for region in REGIONS]
        hub_answered, everywhere = [], []
        for number in range(1, count + 1):
            data = variant(job.package.read_bytes(), number)
            time.sleep(0.5)  # so that all edges wait at the hub again
            begin = time.perf_counter()
            watched = _watch(edges, job, number + 1)
            version = publish(hub, data)
            hub_answered.append(time.perf_counter() - begin)
            if version != number + 1:
                raise RuntimeError(f"the hub called it version {version}, expected {number + 1}")
            everywhere.append(watched() - begin)
            print(
                f"version {version}: published after {hub_answered[-1]:.3f} s, everywhere after {everywhere[-1]:.3f} s",
                flush=True,
            )
    return {"edges": len(edges), **spread(everywhere), "hub": spread(hub_answered), "machine": results.machine()}


def variant(data: bytes, number: int) -> bytes:
    """The package again, as another one: its manifest counts `number` rows more in the parity gate."""
    archive = package.read_archive(data, explain=True)
    parity = msgspec.structs.replace(archive.manifest.parity, rows=archive.manifest.parity.rows + number)
    files = {package.MODEL: archive.model, package.GRAPH: archive.graph, package.SAMPLE: archive.sample}
    if archive.explain:
        files[package.EXPLAIN] = archive.explain
    return package.write_archive(msgspec.structs.replace(archive.manifest, parity=parity), files)


def publish(port: int, data: bytes) -> int:
    """Publish for all regions at the hub; the version."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        regions = "&".join(f"region={region}" for region in REGIONS)
        path = f"/v1/services/{rtml.SERVICE}/versions?{regions}"
        connection.request("POST", path, data, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"the hub answered {answer.status}: {content[:300]!r}")
        version: int = json.loads(content)["version"]
        return version
    finally:
        connection.close()


def _hub(folder: Path, stack: contextlib.ExitStack) -> int:
    port = free_port()
    command = [console_script("rtml"), "hub", "--home", str(folder / "hub"), "--port", str(port)]
    server = start(command, port, folder / "hub.log", path="/v1/health/live", body=None)
    stack.callback(server.stop)
    return port


def _edge(hub: int, region: str, folder: Path, job: Work, stack: contextlib.ExitStack) -> Server:
    port, home = free_port(), str(folder / region)
    options = ["--hub", f"http://127.0.0.1:{hub}", "--region", region, "--home", home, "--port", str(port), "--workers", "1"]
    path, body = f"/v1/services/{rtml.SERVICE}/predict", json.dumps(job.rows[0]).encode()
    server = start([console_script("rtml"), "edge", *options], port, folder / f"{region}.log", path=path, body=body)
    stack.callback(server.stop)
    return server


def _watch(edges: list[Server], job: Work, version: int) -> Any:
    """Ask each edge every few milliseconds; returns a function that waits until all answered with the version, and says when."""
    seen: list[float] = []
    body = json.dumps(job.rows[0]).encode()

    def ask(edge: Server) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE)
        deadline = time.perf_counter() + PATIENCE
        while time.perf_counter() < deadline:
            connection.request("POST", f"/v1/services/{rtml.SERVICE}/predict", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            document = json.loads(answer.read())
            if answer.status == 200 and document["version"] == version:
                seen.append(time.perf_counter())
                break
            time.sleep(0.005)
        connection.close()

    threads = [threading.Thread(target=ask, args=(edge,)) for edge in edges]
    for thread in threads:
        thread.start()

    def wait() -> float:
        for thread in threads:
            thread.join()
        if len(seen) < len(edges):
            raise RuntimeError(f"{len(edges) - len(seen)} edges did not answer with version {version} within {PATIENCE:g} s")
        return max(seen)

    return wait


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.propagation", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="versions that are published")
    parser.add_argument("--dry", action="store_true", help="print the figures and keep none")
    given = parser.parse_args()
    show("propagation", measure(given.count), dry=given.dry)


if __name__ == "__main__":
    main()
