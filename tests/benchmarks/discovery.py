"""What installed plugins cost at the start of a command: a hundred of them, and a broken one among them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks.measure import child_processes, console_script
from tests.benchmarks.report import Bar, Report

COUNT: Final = 100
_METADATA: Final = (
    """Metadata-Version: 2.4
Name: rtml-made-{number:03}
Version: 1.{number}.0
Summary: Generated to measure discovery.
Requires-Python: >=3.11
Requires-Dist: rtml
Requires-Dist: numpy>=2
Description-Content-Type: text/markdown

# rtml-made-{number:03}

"""
    + "A README as packages have one, of a few thousand characters. " * 40
)
_PLUGIN: Final = '''"""Generated plugin {number}: two operators with parameters, a custom op, a command."""

from typing import Annotated

from rtml_core import CustomOp, Operator, Params, doc, hookimpl

rtml_plugin_api = 1

MARK = CustomOp(
    domain="made{number}",
    name="mark",
    version=1,
    inputs=("string",),
    outputs=("string",),
    arguments={{"mark": "string"}},
    body="rtml_made_{number:03}.bodies:mark",
    doc="Texts with a mark behind them.",
)


class Scale{number}(Operator):
    """One float column times a factor; missing in, missing out."""

    class Params(Params):
        col: Annotated[str, doc("column of numbers")]
        factor: Annotated[float, doc("what it is multiplied with")] = 2.0
        into: Annotated[str | None, doc("name of the new column; the same when it is left out")] = None

    def columns(self):
        return [self.params.col]

    def compute(self, xp, value):
        return {{self.params.into or self.params.col: value * self.params.factor}}


class Between{number}(Operator):
    """Whether a float column lies between two bounds; missing is not between."""

    class Params(Params):
        col: Annotated[str, doc("column of numbers")]
        bounds: Annotated[tuple[float, float], doc("lower and upper bound, both included")]
        into: Annotated[str, doc("name of the new column")] = "between"

    def columns(self):
        return [self.params.col]

    def compute(self, xp, value):
        low, high = self.params.bounds
        return {{self.params.into: (value >= low) & (value <= high)}}


@hookimpl
def rtml_operators():
    return [Scale{number}, Between{number}]


@hookimpl
def rtml_custom_ops():
    return [MARK]


@hookimpl
def rtml_commands():
    return {{"made-{number}": "rtml_made_{number:03}.command:made|Say what was made."}}
'''
_BROKEN: Final = '"""A plugin whose dependency is not there."""\n\nimport rtml_made_without_this_package\n'


def generate(folder: Path, count: int = COUNT, broken: int | None = None) -> None:
    """`count` distributions as an installer leaves them in a folder, each with one plugin; number `broken` can't be imported."""
    for number in range(count):
        package, info = folder / f"rtml_made_{number:03}", folder / f"rtml_made_{number:03}-1.{number}.0.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        (package / "__init__.py").write_text(_BROKEN if number == broken else _PLUGIN.format(number=number))
        (info / "METADATA").write_text(_METADATA.format(number=number))
        (info / "entry_points.txt").write_text(f"[rtml.plugins]\nmade{number} = {package.name}\n")
        (info / "INSTALLER").write_text("pip\n")
        (info / "RECORD").write_text("".join(f"{path.relative_to(folder)},,\n" for path in (*package.iterdir(), *info.iterdir())))


def discovery(report: Report, rounds: int) -> None:
    """`rtml plugins list`: as installed here, with COUNT plugins more, and with one of these broken."""
    none, many, bad = "as installed here", f"{COUNT} plugins more", "one of them broken"
    with TemporaryDirectory() as made:
        folders = {none: Path(made, "none"), many: Path(made, "many"), bad: Path(made, "bad")}
        for folder in folders.values():
            folder.mkdir()
        generate(folders[many])
        generate(folders[bad], broken=COUNT // 2)
        rtml = console_script("rtml")
        commands = {name: ["env", f"PYTHONPATH={folder}", rtml, "plugins", "list"] for name, folder in folders.items()}
        taken = child_processes(commands, rounds=rounds)
    first = taken[none].median
    rows = [
        (name, f"{t.median * 1e3:.0f}", f"{t.fastest * 1e3:.0f}", f"{(t.median - first) * 1e3:.0f}") for name, t in taken.items()
    ]
    note = (
        "Wall time of `rtml plugins list`. Each of the plugins is a package of its own: two operators with parameters, a custom"
        " op, a command."
    )
    report.table("Discovery", ("plugins", "ms", "fastest", "ms more"), rows, note)
    report.bars += [
        Bar(f"rtml plugins list: {COUNT} plugins more", taken[many].median - first, 0.15, unit=" s"),
        Bar("rtml plugins list: one of them broken, fastest turn", taken[bad].fastest - taken[many].fastest, 0.01, unit=" s"),
    ]
