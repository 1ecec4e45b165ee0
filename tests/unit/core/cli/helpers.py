"""What the tests of the command line share: a plugin that is installed as any other, and small graphs and packages."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from rtml_core.testing import CliResult

PLUGIN = Path(__file__).parent / "plugin"
SCHEMA = {"age": "float?", "visits": "int", "zip": "string?", "member": "bool?", "seen_at": "timestamp?"}
ROWS = [
    {"age": 41.5, "visits": 2, "zip": "02134", "member": True, "seen_at": "2026-11-21T10:15:00Z"},
    {"age": None, "visits": 3, "zip": None, "member": None, "seen_at": None},
    {"age": 7.0, "visits": 4, "zip": "x", "member": False, "seen_at": "2026-01-31"},
]
CSV = """age,visits,zip,member,seen_at
41.5,2,02134,True,2026-11-21T10:15:00Z
,3,,,
7,4,x,false,2026-01-31
"""
SCORES = [
    {"ratio": 20.75, "zip": "02134", "member": True, "seen_at": "2026-11-21T10:15:00Z"},
    {"ratio": None, "zip": None, "member": None, "seen_at": None},
    {"ratio": 1.75, "zip": "x", "member": False, "seen_at": "2026-01-31T00:00:00Z"},
]


#: what a run of the command line gave
Result = CliResult


def install(folder: Path, name: str = "tiny", module: str = "tiny_operators", distribution: str = "rtml-tiny") -> Path:
    """Metadata of an installed distribution with one plugin; the folder belongs on the path."""
    info = folder / f"{distribution.replace('-', '_')}-1.4.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.4\n")
    (info / "entry_points.txt").write_text(f"[rtml.plugins]\n{name} = {module}\n")
    return folder


def child(*arguments: str, path: Path | None = None, cwd: Path | None = None, **variables: str) -> Result:
    """The command line in a process of its own. path: a folder of `install`."""
    done = subprocess.run(
        [sys.executable, "-m", "rtml_core.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(path, **variables),
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def environment(path: Path | None = None, **variables: str) -> dict[str, str]:
    """The variables of a child process, with the plugin of `install` on its path."""
    folders = [str(PLUGIN), str(path)] if path else []
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RTML_") and name != "PYTHONUNBUFFERED"}
    return {**plain, "PYTHONPATH": os.pathsep.join(folders), **variables}


def node(id: str, operator: str, **params: Any) -> dict[str, Any]:
    """A node of a graph file."""
    return {"id": id, "operator": operator, "params": params}


def chain(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A graph file of nodes one after the other."""
    edges = [[a["id"], b["id"]] for a, b in pairwise(nodes)]
    return {"rtml": 1, "nodes": list(nodes), "edges": edges, **more}


def graph(*nodes: dict[str, Any], schema: Any = None, **more: Any) -> dict[str, Any]:
    """A graph file: the source, age by visits, and more nodes."""
    source = node("fields", "Fields", schema=schema or SCHEMA)
    return chain(source, node("ratio", "Ratio", top="age", bottom="visits"), *nodes, **more)


OUTPUTS = {"ratio": "ratio", "zip": "zip", "member": "member", "seen_at": "seen_at"}
