"""The page of figures: written from the kept results, and held equal to them by a test."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.report import Bar, markdown, times
from tests.benchmarks.serving.peers import BY_HAND, CONSTANT, PEERS, SKLEARN

PAGE: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"
#: a constant that is answered by the server that rtml runs on, and by the fastest one that it might have run on
CONSTANTS: Final = {"rtml-echo": "its own server", "rsgi-echo": "granian"}
#: peer -> (connections, how many times faster rtml has to be)
RIVALS: Final = {
    "mlserver": ((32, 100),),
    "bentoml": ((32, 100),),
    "mlflow": ((32, 100),),
    "fastapi": ((32, 100),),
    "pytriton": ((32, 15),),
    "bentoml-ort": ((32, 20),),
    "fastapi-ort": ((32, 4), (8, 3)),
}
Results = Mapping[str, Any]


def figures(kept: Mapping[str, Results]) -> str:
    """What stands between the markers."""
    if not kept:
        return ""
    parts = [_section("Bars", markdown(("promise", "bar", "measured", "result"), [bar.cells for bar in bars(kept)]))]
    if "throughput" in kept:
        parts += _throughput(kept["throughput"])
    for name, write in SECTIONS.items():
        if name in kept:
            parts.append(write(kept[name]))
    return "\n".join(parts)


def write(kept: Mapping[str, Results], page: Path = PAGE) -> None:
    """Replace the figures of the page; ValueError when it has no markers."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} must hold the lines {BEGIN} and {END}; put them where the figures belong")
    page.write_text(f"{before}{BEGIN}\n{figures(kept)}\n{END}{after}")


def bars(kept: Mapping[str, Results]) -> list[Bar]:
    """Every promise for which there are figures."""
    found: list[Bar] = []
    if "throughput" in kept:
        found += _throughput_bars(kept["throughput"]["contenders"])
    if "startup" in kept:
        found.append(
            Bar("`rtml edge`, one package on disk: start to first answer", kept["startup"]["start"]["median"], 1, unit=" s")
        )
        found.append(Bar("resident memory of a worker", kept["startup"]["worker"], 120, unit=" MB"))
    if "propagation" in kept:
        found.append(Bar("change at the hub to scored by every edge, median", kept["propagation"]["median"], 2, unit=" s"))
    if "swaps" in kept:
        found.append(Bar(f"{kept['swaps']['swaps']:,} swaps under load: failed requests", kept["swaps"]["failed"], 0))
        found.append(Bar("answers that mix versions", kept["swaps"]["mixed"], 0))
        what = "a worker killed under load: failed requests, at most those in flight"
        found.append(Bar(what, kept["swaps"]["failed_at_the_worst_kill"], kept["swaps"]["clients"]))
    if "malformed" in kept:
        what = f"{kept['malformed']['requests']:,} malformed requests: 5xx but deliberate 503"
        found.append(Bar(what, kept["malformed"]["server_errors"], 0))
        memory = kept["malformed"]["memory"]
        half = len(memory) // 2
        growth = max(memory[half:]) / memory[half] - 1
        found.append(Bar("meanwhile: growth of memory in the second half", growth * 100, 2, unit=" %"))
    if "soak" in kept:
        p99 = [minute["p99"] for minute in kept["soak"]["minutes"]]
        third = max(1, len(p99) // 3)
        what = f"{len(p99)} minutes, the core busy to {kept['soak']['share']:.0%}"
        found.append(Bar(f"{what}: growth of memory", kept["soak"]["growth"] * 100, 2, unit=" %"))
        flat = statistics.median(p99[-third:]) / statistics.median(p99[:third])
        found.append(Bar(f"{what}: p99 of the last third / of the first", flat, 1.25))
        found.append(Bar(f"{what}: failed requests", kept["soak"]["failed"], 0))
    return found


def _throughput_bars(contenders: Results) -> list[Bar]:
    found = []
    for key, wanted in RIVALS.items():
        if key not in contenders:
            continue
        for connections, ratio in wanted:
            peer = contenders[key]
            also = "" if connections == 32 else f", {connections} connections"
            what = f"requests a second: rtml / {peer['name']}, {peer['kind']}{also}"
            found.append(Bar(what, _ratio(contenders, key, connections), ratio, at_most=False))
    for key, server in CONSTANTS.items():
        if key in contenders:
            what = f"requests a second: rtml / {server} with a constant"
            found.append(Bar(what, _ratio(contenders, key, 32), 0.55, at_most=False))
    return found


def _ratio(contenders: Results, key: str, connections: int) -> float:
    ours, theirs = (contenders[name]["connections"][str(connections)]["rate"] for name in ("rtml", key))
    return float(ours / theirs)


def _section(title: str, table: str, note: str = "") -> str:
    return f"### {title}\n\n{table}\n" + (f"\n{note}\n" if note else "")


def _named(contenders: Results) -> list[tuple[str, Results]]:
    order = ["rtml", SKLEARN, BY_HAND, CONSTANT]
    return sorted(contenders.items(), key=lambda item: (order.index(item[1]["kind"]), item[1]["connections"]["32"]["rate"]))


def _throughput(result: Results) -> list[str]:
    contenders = result["contenders"]
    ours = contenders["rtml"]["connections"]
    rate, cpu, latency, same, start = [], [], [], [], []
    for _, one in _named(contenders):
        found = one["connections"]
        name, kind = one["name"], one["kind"]
        ratios = [times(ours[c]["rate"] / found[c]["rate"]) for c in ("8", "32")]
        rate.append((name, kind, *(f"{found[c]['rate']:,.0f}" for c in ("1", "8", "32")), *ratios))
        less = [times(found[c]["cpu"] / ours[c]["cpu"]) for c in ("8", "32")]
        cpu.append((name, kind, *(f"{found[c]['cpu']:,.0f}" for c in ("1", "8", "32")), *less))
        paced = one["paced"]
        latency.append(
            (name, kind, f"{paced['rate']:,.0f}", *(f"{paced[p]:.3g}" for p in ("p50", "p90", "p99")), str(one["failed"]))
        )
        if one["same"]:
            same.append((name, kind, *(f"{one['same'][p]:.3g}" for p in ("p50", "p90", "p99"))))
        start.append((name, kind, f"{one['start']:.1f}", f"{one['memory']:,.0f}"))
    machine = result["machine"]
    busiest = max(one["generator"] for one in contenders.values())
    note = (
        f"{machine['processor']}, {machine['cores']} cores: servers on one, load on the other. Load of the machine at the start"
        f" {machine['load']:g}; the hypervisor took {result['stolen']:.1%} of its time. Medians of {result['rounds']} turns of"
        f" {result['turn']:g} s. All servers together used {result['idle']:.1%} of a core while nobody asked them."
        f" The generator used at most {busiest:.0%} of its core."
    )
    parts = [
        _section("Requests a second", markdown((*_HEAD, "1", "8", "32", "rtml is faster, 8", "32"), rate), note),
        _section("Processor time", markdown((*_HEAD, "us a request, 1", "8", "32", "rtml uses less, 8", "32"), cpu)),
        _section(
            "Latency at half of each one's peak",
            markdown((*_HEAD, "requests/s", "p50 ms", "p90", "p99", "failed"), latency),
            _PACED,
        ),
        _section("Latency at 1,000 requests a second", markdown((*_HEAD, "p50 ms", "p90", "p99"), same), _SAME),
        _section("Start and memory", markdown((*_HEAD, "first answer after, s", "MB"), start), _START),
    ]
    if "rows" in result:
        rows = [(n, f"{m['rate']:,.0f}", f"{m['cpu']:.1f}", f"{m['p50']:.1f}") for n, m in result["rows"].items()]
        header = ("rtml, rows a request", "rows/s", "us a row", "p50 ms")
        parts.insert(2, _section("Many rows a request", markdown(header, rows), "8 connections, each as fast as it is answered."))
    if result["missing"]:
        rows = [(PEERS[key].name, PEERS[key].kind, reason) for key, reason in result["missing"].items()]
        parts.append(_section("Left out", markdown((*_HEAD, "why"), rows)))
    versions = {name: number for one in contenders.values() for name, number in one["versions"].items()}
    rows = [("python", machine["python"]), *sorted(versions.items())]
    parts.append(_section("Versions", markdown(("package", "version"), rows)))
    return parts


_HEAD: Final = ("server", "runs")
_PACED: Final = (
    "Requests fall due at random at this rate, over 64 connections, and count from when they were due. Failed: of all"
    " turns, without their row's right answer. Half of its peak keeps rtml's core busy to nine tenths and more: the peak is made"
    " by batches, which are small at this rate. All other servers are stopped meanwhile."
)
_SAME: Final = "In the same way, for all that can answer 1,500 a second and more."
_START: Final = (
    "Started once each, byte code and files in memory. Memory is that of all its processes, shared pages counted once."
)


def _startup(result: Results) -> str:
    rows = [
        (what, f"{one['median']:.2f}", f"{one['fastest']:.2f}", f"{one['slowest']:.2f}") for what, one in result["steps"].items()
    ]
    table = markdown(("`rtml edge`, one package on disk, hub away", "median s", "fastest", "slowest"), rows)
    note = (
        f"Of {result['start']['count']} starts. Resident: worker {result['worker']:.0f} MB, supervisor"
        f" {result['supervisor']:.0f} MB; both together, shared pages counted once, {result['together']:.0f} MB."
    )
    return _section("Start of an edge", table, note)


def _propagation(result: Results) -> str:
    steps = {
        "the hub has checked and published it": result["hub"],
        f"each of {result['edges']} edges has answered with it": result,
    }
    rows = [(what, f"{one['median']:.2f}", f"{one['fastest']:.2f}", f"{one['slowest']:.2f}") for what, one in steps.items()]
    note = f"Seconds since the request to publish, of {result['count']} versions. The edges are asked all the time."
    return _section("Publish to scored by every edge", markdown(("until", "median s", "fastest", "slowest"), rows), note)


def _soak(result: Results) -> str:
    rows = [
        (
            *(str(n + 1), f"{m['rate']:,.0f}", f"{m['busy']:.0%}", f"{m['p50']:.2f}", f"{m['p99']:.2f}"),
            *(f"{m['memory']:.1f}", str(m["failed"])),
        )
        for n, m in enumerate(result["minutes"])
    ]
    table = markdown(("minute", "requests/s", "core busy", "p50 ms", "p99 ms", "worker MB", "failed"), rows)
    chart = "\n".join(
        f"{n + 1:>4} {'#' * max(1, round(40 * m['p99'] / max(x['p99'] for x in result['minutes'])))} {m['p99']:.2f}"
        for n, m in enumerate(result["minutes"])
    )
    note = (
        f"{result['requests']:,} requests, at the rate that keeps the worker's core busy to {result['share']:.0%}; the peak was"
        f" {result['peak']:,.0f} a second. p99 in ms, by minute:\n\n"
        f"```\n{chart}\n```"
    )
    return _section("Soak", table, note)


def _swaps(result: Results) -> str:
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in result.items() if isinstance(value, (int, float))]
    return _section("Swaps of version, and killed workers, under load", markdown(("what", "measured"), rows))


def _malformed(result: Results) -> str:
    statuses = [(status, f"{number:,}") for status, number in result["statuses"].items()]
    memory = result["memory"]
    note = (
        f"{result['requests']:,} requests of {len(result['kinds'])} kinds in {result['seconds']:,.0f} s;"
        f" {result['closed']:,} were answered by closing the connection. The worker held"
        f" {memory[0]:.1f} MB after the first 5,000, {memory[len(memory) // 2]:.1f} MB after half of them,"
        f" {max(memory):.1f} MB at most and {memory[-1]:.1f} MB at the end. A good request after every 5,000 was answered."
    )
    return _section("Malformed requests", markdown(("status", "answers"), [*statuses, ("closed", f"{result['closed']:,}")]), note)


SECTIONS: Final = {
    "startup": _startup,
    "propagation": _propagation,
    "swaps": _swaps,
    "malformed": _malformed,
    "soak": _soak,
}
