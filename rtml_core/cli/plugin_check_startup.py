"""`rtml plugins check`: what importing the plugin and asking its hooks costs every `rtml` command.

Measured in child processes that have imported before what every command imports, with byte code.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rtml_core.cli.plugin_check_findings import Finding, Subject
from rtml_core.errors import listing

#: milliseconds that one plugin may add to the start of every command
BUDGET_MS: Final = 20.0
#: timed children, after one that writes the byte code and tells the slowest imports
RUNS: Final = 5
TIMEOUT_S: Final = 60
#: libraries that take a tenth of a second or more, or bring one that does
HEAVY: Final = (
    "numpy", "pandas", "scipy", "sklearn", "onnx", "onnx_ir", "skl2onnx", "onnxruntime", "onnxruntime_extensions", "pyarrow",
    "polars", "matplotlib", "torch", "tensorflow", "keras", "jax", "transformers", "lightgbm", "xgboost", "catboost", "numba",
    "sentencepiece", "statsmodels", "dask", "ray", "pyspark", "cv2", "PIL", "spacy", "nltk", "requests", "boto3", "sqlalchemy",
)  # fmt: skip
_MARK: Final = "rtml-plugin-check"
_PROGRAM: Final = """
import json, sys, time
import rtml_core.cli.listing, rtml_core.operator, rtml_core.plugins
module, attributes, heavy, hooks = json.loads(sys.argv[1])
before = set(sys.modules)
print("{mark}", file=sys.stderr, flush=True)
start = time.perf_counter()
__import__(module)  # import_module would keep the module itself out of what -X importtime says
plugin = sys.modules[module]
for name in attributes:
    plugin = getattr(plugin, name)
for name in hooks:
    getattr(plugin, name)()
took = (time.perf_counter() - start) * 1000
print("{mark}" + json.dumps([took, [name for name in heavy if name in sys.modules and name not in before]]))
"""
_IMPORT: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


@dataclass(frozen=True)
class Cost:
    """milliseconds: of the fastest run, as the others say more about the machine. heavy: libraries that were imported.

    slowest: packages with the milliseconds of their own modules.
    """

    milliseconds: float
    heavy: tuple[str, ...]
    slowest: tuple[tuple[str, float], ...]


def check_startup(subject: Subject) -> Iterator[Finding]:
    """What the plugin adds to the start of rtml, against the budget; what is heavy is an error, what is slow a warning."""
    try:
        cost = measure(subject)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        yield Finding(
            "error", "start-up", "", f"it can't be imported in a process of its own: {error}", "try python -c 'import ...'"
        )
        return
    slowest = ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in cost.slowest)
    if cost.heavy:
        what = f"importing the plugin imports {listing(cost.heavy)}, {cost.milliseconds:.0f} ms for every rtml command"
        yield Finding("error", "start-up", "", what, f"import it inside the functions that need it (slowest: {slowest})")
    elif cost.milliseconds > BUDGET_MS:
        what = f"it adds {cost.milliseconds:.0f} ms to every rtml command, and may add {BUDGET_MS:.0f}"
        yield Finding("warning", "start-up", "", what, f"import inside the functions that need it (slowest: {slowest})")
    else:
        what = f"{cost.milliseconds:.1f} ms (fastest of {RUNS}; budget {BUDGET_MS:.0f} ms), no heavy imports"
        yield Finding("ok", "start-up", "", what)


def measure(subject: Subject) -> Cost:
    """Import the plugin and call its hooks in children; ValueError with the last line of what a failing one says."""
    from rtml_core.cli.plugin_check_loading import hook_names, point_of

    point = point_of(subject.info)
    if point is None:
        raise ValueError("its entry point is gone")
    hooks = [name for name in hook_names() if hasattr(subject.plugin, name)]
    task = json.dumps([point.module, point.attr.split(".") if point.attr else [], HEAVY, hooks])
    told = _child(["-X", "importtime"], task)[1]
    runs = [_child([], task)[0] for _ in range(RUNS)]
    return Cost(min(took for took, _ in runs), tuple(runs[0][1]), tuple(slowest(told)))


def slowest(told: str, most: int = 3) -> list[tuple[str, float]]:
    """The packages whose modules take longest, in milliseconds of their own, from what -X importtime says behind the mark."""
    spent: Counter[str] = Counter()
    for match in _IMPORT.finditer(told.partition(_MARK)[2]):
        spent[match[2].partition(".")[0]] += int(match[1])
    return [(name, microseconds / 1000) for name, microseconds in spent.most_common(most)]


def _child(options: Sequence[str], task: str) -> tuple[tuple[float, list[str]], str]:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-P", *options, "-c", _PROGRAM.replace("{mark}", _MARK), task],
        capture_output=True,
        text=True,
        env={**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=TIMEOUT_S,
    )
    answer = done.stdout.rpartition(_MARK)[2]
    if done.returncode or not answer:
        last = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("import time:")]
        raise ValueError(last[-1] if last else f"exit code {done.returncode}")
    took, heavy = json.loads(answer)
    return (float(took), list(heavy)), done.stderr
