"""python -m tests.benchmarks.gallery: how long the pages of the gallery take, on a hub with 200 services of 20 versions.

Every page that can be looked at is asked for, of a real hub on SQLite, while edges of three regions report to it.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rtml_core.package import read_archive
from tests.benchmarks.gallery_data import SERVICE, VERSIONS, edges, fill
from tests.benchmarks.measure import console_script
from tests.benchmarks.report import README, markdown
from tests.benchmarks.serving.processes import Server, cpu_seconds, free_port, start
from tests.benchmarks.standard import prepare

#: seconds at the median that a page may take
BAR: Final = 0.1
_BEGIN: Final = "<!-- gallery: begin -->"
_END: Final = "<!-- gallery: end -->"
#: requests in a row of which the hub's processor time is taken; the kernel's books have hundredths of a second
_ALONE: Final = 20
#: what stands in the braces of paths
PARTS: Final = {"name": SERVICE, "number": str(VERSIONS), "operator": "Pandas", "plugin": "pandas", "edge": "emea-1"}
#: addresses with a query that are asked for besides the bare path
QUERIES: Final[Mapping[str, Sequence[str]]] = {
    "/": ("?q=policy+12", "?region=emea&state=active&operator=ScikitLearn&sort=requests", "?page=4", "?sort=changed"),
    "/services/{name}": (),
    "/services/{name}/graph": (f"?version={VERSIONS - 1}",),
    "/services/{name}/versions": (f"?left={VERSIONS - 1}&right={VERSIONS}", f"?left=1&right={VERSIONS}"),
    "/services/{name}/live": ("?span=1h", "?span=24h", "?span=30d"),
}
#: paths that are nothing without their query
ONLY: Final[Mapping[str, Sequence[str]]] = {
    "/services/{name}/graph/node": (f"?version={VERSIONS}&node={{node}}",),
}
#: what only htmx asks for
PARTIAL: Final = frozenset({"/services/{name}/graph/node", "/services/{name}/traffic/state"})
#: not looked at: it needs a link of its own
LEFT_OUT: Final = frozenset({"/enter"})


@dataclass
class Asked:
    """A page. label: its path; times: of its requests in seconds, the first one apart; processor: seconds of one of the hub's."""

    label: str
    address: str
    part: bool = False
    first: float = 0.0
    times: list[float] = field(default_factory=list)
    processor: float = 0.0
    size: int = 0
    statuses: set[int] = field(default_factory=set)

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def cells(self) -> tuple[str, ...]:
        p95 = sorted(self.times)[int(0.95 * (len(self.times) - 1))]
        result = "MISSED" if self.median > BAR or max(self.statuses) >= 400 else "passed"
        figures = (f"{1e3 * one:.1f}" for one in (self.median, p95, min(self.times), self.first, self.processor))
        return (self.label, *figures, f"{self.size / 1e3:.0f}", "/".join(map(str, sorted(self.statuses))), result)


HEADER: Final = ("page", "median, ms", "p95", "fastest", "first", "processor, ms", "kB", "status", "at most 100 ms")


def pages(nodes: Sequence[str]) -> list[Asked]:
    """All pages that the gallery declares for GET. nodes: of the graph. KeyError for a part of a path that is not in PARTS."""
    from importlib import import_module
    from pkgutil import iter_modules

    from rtml_plugins.hub.gallery import pages as modules
    from rtml_plugins.hub.gallery.page import PAGES, ROOT

    for module in iter_modules(modules.__path__):
        import_module(f"{modules.__name__}.{module.name}")
    found = []
    for page in sorted(PAGES, key=lambda one: one.path):
        if "GET" not in page.methods or page.path in LEFT_OUT:
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: PARTS[match[1]], page.path).rstrip("/")
        for query in ONLY.get(page.path) or ("", *QUERIES.get(page.path, ())):
            found.append(Asked(f"{page.path}{query}", ROOT + path + query.replace("{node}", nodes[-1]), page.path in PARTIAL))
    found.append(Asked("/?q=service (a part, for htmx)", f"{ROOT}?q=service", part=True))
    found.append(Asked("/edges (a part, for htmx)", f"{ROOT}/edges", part=True))
    return found


def ask(port: int, asked: Sequence[Asked], turns: int) -> None:
    """Ask for each page in turns, over one connection that is kept, as a browser does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    try:
        for turn in range(turns + 1):
            for one in asked:
                begin = time.perf_counter()
                connection.request("GET", one.address, headers={"HX-Request": "true"} if one.part else {})
                answer = connection.getresponse()
                body = answer.read()
                taken = time.perf_counter() - begin
                one.statuses.add(answer.status)
                one.size = len(body)
                if turn:
                    one.times.append(taken)
                else:
                    one.first = taken
                    if answer.status >= 400:
                        print(f"{one.address}: {answer.status}", flush=True)
    finally:
        connection.close()


def measure(data: bytes, turns: int, only: str = "") -> list[Asked]:
    """Fill a hub, start it and ask for its pages. only: those whose address holds this."""
    manifest = read_archive(data).manifest
    nodes = [] if manifest.explain is None else [entry.node for entry in manifest.explain.nodes]
    asked = [one for one in pages(nodes) if only in one.label]
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name:
        folder = Path(name)
        begin = time.perf_counter()
        fill(folder / "hub", data)
        megabytes = (folder / "hub" / "hub.db").stat().st_size / 1e6
        print(f"filled in {time.perf_counter() - begin:.0f} s, a database of {megabytes:.0f} MB", flush=True)
        server = _hub(folder)
        try:
            with edges(server.port, manifest, data):
                ask(server.port, asked, turns)
            for one in asked:  # while no edge reports
                before = cpu_seconds(server.pids)
                ask(server.port, [replace(one, times=[])], _ALONE - 1)
                one.processor = (cpu_seconds(server.pids) - before) / _ALONE
        except RuntimeError as error:
            raise RuntimeError(f"{error}; the hub said: {server.last_words()}") from None
        finally:
            server.stop()
    return asked


def _hub(folder: Path) -> Server:
    port = free_port()
    command = [console_script("rtml"), "hub", "--home", str(folder / "hub"), "--port", str(port)]
    return start(command, port, folder / "hub.log", path="/v1/health/live", body=None)


def write(table: str) -> None:
    """Replace the table in README.md."""
    text = README.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{README.name} must hold the lines {_BEGIN} and {_END}; put them where the table belongs")
    README.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}")


def main() -> int:
    """Parse the options and run; 1 when a page takes too long or is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gallery", description=__doc__)
    parser.add_argument("--turns", type=int, default=40, help="how often each page is asked for")
    parser.add_argument("--package", type=Path, help="an .rtml file; by default the standard pipeline is compiled")
    parser.add_argument("--only", default="", help="pages whose path holds this")
    parser.add_argument("--dry", action="store_true", help="print the table and keep none")
    given = parser.parse_args()
    data = given.package.read_bytes() if given.package else prepare(rows=4000, sample=500).compiled.data
    asked = measure(data, given.turns, given.only)
    cores, busy = len(os.sched_getaffinity(0)), os.getloadavg()[1]
    load = f"Load of the machine meanwhile: {busy:.1f} on {cores} cores; about 1 when nothing else runs."
    note = f"{load} Processor: of the hub, for one request; the bar is for the median."
    table = f"{markdown(HEADER, [one.cells for one in asked])}\n\n{note}"
    print(table)
    if not given.dry and not given.only:
        write(table)
    return int(any(one.cells[-1] == "MISSED" for one in asked))


if __name__ == "__main__":
    sys.exit(main())
