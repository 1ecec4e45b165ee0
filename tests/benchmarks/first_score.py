"""From `pip install rtml[notebook]` to the first score in the template, no cell edited: seconds.

    python -m tests.benchmarks.first_score [PYTHON]

builds the wheel, makes a new environment with that interpreter (default: this one's), installs the wheel with the extra from the
package index that pip is set up with, and executes the template that the launcher opens. The bar is 180 seconds. Apart from the
other benchmarks, as most of it is downloading.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
BAR = 180.0
TEMPLATE = "share/jupyter/jupyter_app_launcher/rtml/train_and_publish.ipynb"
BUILD = "import hatchling.build, sys; hatchling.build.build_wheel(sys.argv[1])"


def main(python: str) -> None:
    """Measure, and say each step."""
    with tempfile.TemporaryDirectory(prefix="rtml-first-score-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", BUILD, str(folder / "dist")], cwd=ROOT, check=True)
        [wheel] = (folder / "dist").glob("*.whl")
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
        environment = {**os.environ, "RTML_HOME": str(folder / "home"), "IPYTHONDIR": str(folder / "ipython")}
        environment.pop("RTML_HUB", None)
        programs, work = folder / "venv" / "bin", folder / "work"

        began = time.time()
        pip = [str(programs / "pip"), "install", "-q", "--disable-pip-version-check", f"rtml[notebook] @ {wheel.as_uri()}"]
        subprocess.run(pip, check=True, env=environment)
        print(f"installed             {time.time() - began:6.1f} s")

        work.mkdir()
        notebook = work / "train_and_publish.ipynb"
        notebook.write_bytes((folder / "venv" / TEMPLATE).read_bytes())
        command = [str(programs / "jupyter"), "execute", "--inplace", notebook.name]
        subprocess.run(command, check=True, env=environment, cwd=work)
        scored = first_score(notebook) - began
        print(f"first score           {scored:6.1f} s, the bar is {BAR:.0f} s; load of this machine {os.getloadavg()[0]:.1f}")
        print(f"whole template        {time.time() - began:6.1f} s")


def first_score(notebook: Path) -> float:
    """When the first cell that asks for a score had its answer, as seconds of the clock."""
    for cell in json.loads(notebook.read_bytes())["cells"]:
        if cell["cell_type"] == "code" and "client.predict(" in "".join(cell["source"]):
            return datetime.fromisoformat(cell["metadata"]["execution"]["iopub.status.idle"]).timestamp()
    raise SystemExit(f"no cell of {notebook.name} asks for a score")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
