"""The measurements, one function a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, Final

from rtml_core.runtime import Runtime
from tests.benchmarks import data, growth, pipelines, prototype
from tests.benchmarks.discovery import discovery
from tests.benchmarks.kinds import kinds
from tests.benchmarks.measure import child_processes, console_script, side_by_side
from tests.benchmarks.report import Bar, Report, microseconds, times
from tests.benchmarks.standard import Standard, prepare, raw_columns, raw_rows, typed

BATCHES: Final = (1, 32, 1_024, 100_000)


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="rtml's benchmarks, side by side in one run")
    parser.add_argument("--quick", action="store_true", help="few turns, no batch of 100,000, and README.md stays as it is")
    quick = parser.parse_args().quick
    print("Fitting and compiling the standard pipeline ...", flush=True)
    standard, report = prepare(), Report()
    rounds = 5 if quick else 15
    one_row(report, standard, rounds)
    small_graphs(report, standard, rounds)
    batches(report, standard, BATCHES[:3] if quick else BATCHES, rounds=3 if quick else 7)
    loading(report, standard, rounds)
    growing(report, rounds)
    kinds(report, rounds)
    command_line(report, 3 if quick else 10)
    discovery(report, 3 if quick else 11)
    report.finish()
    if not quick:
        report.write()
        print("The tables are in tests/benchmarks/README.md")


def one_row(report: Report, standard: Standard, rounds: int) -> None:
    """Authored, scikit-learn, by hand, compiled: one row."""
    frame = data.rows(1, seed=11).assign(age=41.0)
    row, ready = raw_rows(frame)[0], typed(frame)
    hand = standard.hand_session
    jobs: dict[str, Callable[[], Any]] = {
        "rtml authored, eager on pandas": lambda: standard.graph.run(ready),
        "scikit-learn Pipeline on a one-row frame": lambda: standard.pipeline.predict_proba(frame),
        "ONNX by hand, session.run on ready arrays": standard.hand_on_arrays(frame),
        "ONNX by hand, from a dict": lambda: hand.run(["probabilities", "valid"], prototype.feed_row(row)),
        "rtml compiled, session.run on ready arrays": standard.on_arrays(frame),
        "rtml compiled, Runtime on a dict": lambda: standard.runtime.score_row(row),
    }
    taken = side_by_side(jobs, rounds=rounds)
    eager, _, by_hand, _, compiled, answer = taken.values()
    nodes = {"hand": len(standard.by_hand.graph.node), "rtml": standard.compiled.node_count}
    shown = ["-", "-", str(nodes["hand"]), "", str(nodes["rtml"]), ""]
    rows = []
    for (name, timing), count in zip(taken.items(), shown, strict=True):
        ratio = times(timing.median / compiled.median)
        rows.append((name, microseconds(timing.median), microseconds(timing.fastest), ratio, count))
    report.table("One row", ("contender", "us a row", "fastest turn", "times compiled", "ONNX nodes"), rows)
    report.bars += [
        Bar("one row: compiled / by hand", compiled.median / by_hand.median, 0.6),
        Bar("one row: compiled, fastest turn", compiled.fastest * 1e6, 25, unit=" us"),
        Bar("ONNX nodes of the standard pipeline", nodes["rtml"], 40),
        Bar("one row: dict to answer / session.run", answer.median / compiled.median, 1.6),
        Bar("one row: authored / compiled", eager.median / compiled.median, 100, at_most=False),
    ]


def small_graphs(report: Report, standard: Standard, rounds: int) -> None:
    """What the passes between lowering and model are worth: each graph with them and without."""
    ready = typed(data.rows(300, seed=3))
    pairs = {"standard": (pipelines.pair(standard.graph, ready), ready)}
    for name, (build, rows) in pipelines.PIPELINES.items():
        frame = rows(300, 2)
        pairs[name] = (pipelines.pair(build().fit(rows(2_000, 1)), frame), frame)
    jobs: dict[str, Callable[[], Any]] = {}
    for name, (pair, frame) in pairs.items():
        row = frame.iloc[:1]
        runtime, plain, feed = pair.compiled.runtime, pair.session, pair.plain_feed(row)
        names = [output.name for output in runtime.session.get_outputs()]
        ours = runtime.signature.columns({e.name: row[e.name].to_numpy(object) for e in pair.fields})
        jobs[f"{name} plain"] = lambda plain=plain, feed=feed: plain.run(None, feed)
        jobs[name] = lambda runtime=runtime, names=names, ours=ours: runtime.session.run(names, ours)
    taken = {name: timing.median for name, timing in side_by_side(jobs, rounds=rounds).items()}
    table = []
    for name, (pair, _) in pairs.items():
        before, after = taken[f"{name} plain"], taken[name]
        nodes = (str(len(pair.graph.nodes)), str(pair.plain.node_count), str(pair.compiled.node_count))
        table.append((name, *nodes, microseconds(before), microseconds(after), times(before / after)))
    header = ("pipeline", "authored nodes", "ONNX before", "ONNX after", "us a row before", "us a row after", "times faster")
    note = (
        "Before: lowered node by node, an input a column, nothing shared, folded or fused. After: as compile makes it. What an"
        " operator does at once for all its columns is in both."
    )
    report.table("Small graphs", header, table, note)


def batches(report: Report, standard: Standard, sizes: tuple[int, ...], rounds: int) -> None:
    """Rows a second by batch size."""
    table = []
    for size in sizes:
        frame = data.rows(size, seed=12)
        ready, columns = typed(frame), raw_columns(frame)
        jobs: dict[str, Callable[[], Any]] = {
            "scikit-learn": lambda frame=frame: standard.pipeline.predict_proba(frame),
            "scikit-learn, typed": lambda ready=ready: standard.pipeline.predict_proba(ready),
            "by hand": standard.hand_on_arrays(frame),
            "compiled": standard.on_arrays(frame),
            "columns": lambda columns=columns: standard.runtime.score_columns(columns),
        }
        taken = {name: timing.median for name, timing in side_by_side(jobs, rounds=rounds, turn=0.02).items()}
        ready_ratio = taken["scikit-learn, typed"] / taken["compiled"]
        raw_ratio = taken["scikit-learn"] / taken["columns"]
        table.append((f"{size:,}", *(f"{size / t:,.0f}" for t in taken.values()), times(ready_ratio), times(raw_ratio)))
    what = f"rows a second, batch of {sizes[-1]:,}: compiled / scikit-learn"
    report.bars += [
        Bar(f"{what}, both typed", ready_ratio, 2, at_most=False),
        Bar(f"{what}, both raw", raw_ratio, 1.2, at_most=False),
    ]
    header = (
        "batch",
        "scikit-learn, raw frame",
        "scikit-learn, typed frame",
        "by hand, arrays",
        "compiled, arrays",
        "compiled, raw columns",
        "ratio, typed",
        "ratio, raw",
    )
    note = "One thread. Raw: timestamps are ISO texts. Typed: they are timestamps already (in arrays: int64 microseconds)."
    report.table("Rows a second", header, table, note)


def loading(report: Report, standard: Standard, rounds: int) -> None:
    """From bytes in memory to the first answer."""
    package, model = standard.compiled.data, standard.by_hand
    jobs: dict[str, Callable[[], Any]] = {
        "rtml: digest, guards, session, parity sample": lambda: Runtime.from_bytes(package),
        "rtml without the parity sample": lambda: Runtime.from_bytes(package, verify=False),
        "ONNX by hand: session only": lambda: prototype.session(model),
    }
    sizes = [len(package), len(package), model.ByteSize()]
    taken = side_by_side(jobs, rounds=rounds, turn=0.0)
    rows = [(name, f"{t.median * 1e3:.1f}", f"{size / 1000:,.0f}") for (name, t), size in zip(taken.items(), sizes, strict=True)]
    report.table("Loading", ("what", "ms", "kB"), rows)


def growing(report: Report, rounds: int) -> None:
    """Cost of a row for graphs of 10 to 300 authored nodes."""
    jobs: dict[str, Callable[[], Any]] = {}
    onnx_nodes = {}
    for size in growth.SIZES:
        compiled = growth.graph(size).compile(sample=growth.rows(size, 200, seed=21))
        runtime = compiled.runtime
        onnx_nodes[size] = compiled.node_count
        row = raw_rows(growth.rows(size, 1, seed=22))[0]
        feed, names = runtime.signature.row(row), [output.name for output in runtime.session.get_outputs()]
        jobs[f"{size} run"] = lambda runtime=runtime, names=names, feed=feed: runtime.session.run(names, feed)
        jobs[f"{size} dict"] = lambda runtime=runtime, row=row: runtime.score_row(row)
    taken = {name: timing.fastest for name, timing in side_by_side(jobs, rounds=2 * rounds, turn=0.01).items()}
    first, last = growth.SIZES[0], growth.SIZES[-1]
    slope = (taken[f"{last} run"] - taken[f"{first} run"]) / (last - first)
    rows = []
    for n in growth.SIZES:
        run, answer = taken[f"{n} run"], taken[f"{n} dict"]
        rows.append((str(n), str(onnx_nodes[n]), microseconds(run), f"{run / n * 1e6:.2f}", microseconds(answer)))
    note = (
        f"Fastest turns. Each authored node more costs {slope * 1e6:.2f} us (from {first} to {last} nodes); the rest is what any"
        f" call costs."
    )
    report.table("Growth", ("authored nodes", "ONNX nodes", "us a row", "us a row and node", "from a dict, us"), rows, note)
    report.bars.append(Bar(f"one row: one authored node more, {first} to {last} nodes", slope * 1e6, 0.5, unit=" us"))


def command_line(report: Report, rounds: int) -> None:
    """Wall time of the commands that a person runs most."""
    rtml = console_script("rtml")
    limits = {"rtml --help": 0.2, "rtml plugins list": 0.3}
    commands = {line: [rtml, *line.split()[1:]] for line in limits}
    taken = child_processes({"python -c pass": [sys.executable, "-c", "pass"], **commands}, rounds=rounds)
    rows = [(line, f"{t.median * 1e3:.0f}", f"{t.fastest * 1e3:.0f}") for line, t in taken.items()]
    report.table("Command line", ("command", "ms", "fastest"), rows, "Wall time of a new process, from start to end.")
    report.bars += [Bar(line, taken[line].median, limit, unit=" s") for line, limit in limits.items()]
