"""Results on disk: each program keeps its figures as JSON beside the page, and the page is written from all of them."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.serving import page

FOLDER: Final = Path(__file__).with_name("results")


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code: processor, cores, and how busy the machine is now (load of one minute)."""
    model = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def processor_time() -> tuple[float, float]:
    """(seconds that the machine's cores had, seconds of them that the hypervisor gave to others), since it started."""
    numbers = [int(n) for n in _lines("/proc/stat")[0].split()[1:9]]
    tick = os.sysconf("SC_CLK_TCK")
    return sum(numbers) / tick, numbers[7] / tick


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def keep(name: str, result: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write one program's figures, by rename, and the page anew from all that are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    made = path.with_suffix(".tmp")
    made.write_text(json.dumps({"at": time.strftime("%Y-%m-%d", time.gmtime()), **result}, indent=1) + "\n")
    made.replace(path)
    if folder == FOLDER:
        page.write(kept())
    return path


def kept(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The figures of all programs, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
