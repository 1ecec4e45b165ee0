"""What is installed here: plugins, and the operators and custom operators that they bring, for programs that show it.

Finding out loads the plugins, which are strangers' code. `looked`, and whoever runs `command` itself, does that in a process of
its own (inventory_of), which prints JSON. Here nothing is imported that a plugin brings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from rtml_core.config import VARIABLES
from rtml_core.hookspecs import GROUP
from rtml_core.installed import entry_points, normal

__all__ = [
    "SECONDS",
    "Examples",
    "InstalledCustomOp",
    "InstalledOperator",
    "InstalledPlugin",
    "Inventory",
    "Parameter",
    "Part",
    "command",
    "environment",
    "looked",
    "looked_examples",
    "read",
    "unread",
]

#: how much is found out: plugins alone, or what is known of operators, too
Part = Literal["plugins", "operators"]
#: what that process runs
MODULE: Final = "rtml_core.inventory_of"
#: seconds that the process may take
SECONDS: Final = 60.0
#: characters of a reason that are kept
LONGEST: Final = 2000


class InstalledPlugin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A plugin. state: "ok", "broken", "blocked", or "unknown" where it was not loaded, and of a distribution that is trusted and
    not there "missing"; reason: why it is not ok. trusted: packages may run code of its distribution here.
    """

    name: str
    distribution: str
    version: str = ""
    api: int | None = None
    state: str = "ok"
    reason: str = ""
    operators: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    converters: tuple[str, ...] = ()
    custom_ops: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    trusted: bool = False


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter of an operator. type: in words; default: a JSON value, or the text of what is none."""

    name: str
    type: str
    required: bool = False
    default: Any = None
    text: str = ""


class InstalledOperator(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operator. lowering: the kind of ONNX operators that it becomes, None when it does not compile. tolerance: (relative,
    absolute) of the parity gate.
    """

    name: str
    version: str
    role: str
    lowering: str | None
    formula: bool
    learns: bool
    tolerance: tuple[float, float]
    plugin: str
    distribution: str
    distribution_version: str
    summary: str
    doc: str
    parameters: tuple[Parameter, ...]


class InstalledCustomOp(msgspec.Struct, frozen=True, omit_defaults=True):
    """A custom ONNX operator, as "domain:name version". kind: function, python, native."""

    name: str
    kind: str
    plugin: str
    doc: str


class Examples(msgspec.Struct, frozen=True, omit_defaults=True):
    """Examples of an operator, as nodes of graph files, and the custom ONNX operators that they become. problem: why there are
    none, or no more."""

    nodes: tuple[dict[str, Any], ...] = ()
    custom_ops: tuple[str, ...] = ()
    problem: str = ""


class Inventory(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is installed. problem: why plugins could not be loaded, "" when they were."""

    rtml: str
    python: str
    plugins: tuple[InstalledPlugin, ...] = ()
    operators: tuple[InstalledOperator, ...] = ()
    custom_ops: tuple[InstalledCustomOp, ...] = ()
    problem: str = ""


# ---- asking another process -----------------------------------------------------------------------------------------


def command(part: Part, trust: Iterable[str] = ()) -> list[str]:
    """The command that prints an inventory; `read` reads what it prints. trust: as of Runtime, besides that of the settings."""
    return [sys.executable, "-m", MODULE, part, *trust]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables of that process, from those of this one: a broken plugin is told, also where it is an error otherwise."""
    return {**given, VARIABLES["strict"]: "0"}


def looked(part: Part, trust: Iterable[str] = (), *, seconds: float = SECONDS) -> Inventory:
    """The inventory, found out by a process of its own; where that fails, what the metadata of distributions says, and why."""
    done = _run(command(part, trust), seconds)
    return unread(done, trust) if isinstance(done, str) else read(*done, trust)


def read(code: int, output: bytes, said: bytes, trust: Iterable[str] = ()) -> Inventory:
    """What that process found out, or why it did not. code: its exit status; output, said: its two streams."""
    try:
        return msgspec.json.decode(output, type=Inventory)
    except msgspec.DecodeError:
        return unread(f"loading the plugins {_ended(code, said)}", trust)


def looked_examples(operator: str, *, seconds: float = SECONDS) -> Examples:
    """Examples of an operator, made by a process of its own, which may import pandas, learn from rows, and take seconds."""
    done = _run([sys.executable, "-m", MODULE, "example", operator], seconds)
    if isinstance(done, str):
        return Examples(problem=done)
    code, output, said = done
    try:
        return msgspec.json.decode(output, type=Examples)
    except msgspec.DecodeError:
        return Examples(problem=f"making an example {_ended(code, said)}")


def _run(words: list[str], seconds: float) -> tuple[int, bytes, bytes] | str:
    """Exit status and both streams of a process; or why there are none, in words."""
    import subprocess

    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, env=environment(os.environ), timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"a plugin keeps the others waiting: its process was stopped after {seconds:g} s"
    except OSError as error:
        return f"no process could be started: {error.strerror or error}"
    return done.returncode, done.stdout, done.stderr


def _ended(code: int, said: bytes) -> str:
    last = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
    return f"ended its process {how}: {last[:LONGEST]}"


def unread(problem: str, trust: Iterable[str] = ()) -> Inventory:
    """What is known of plugins without loading them, and why they were not."""
    names = {normal(name) for name in trust}
    found = (
        InstalledPlugin(point.name, point.distribution, point.version, state="unknown", reason=problem)
        for point in entry_points(GROUP)
    )
    return Inventory(release(), python(), tuple(with_trust(found, names)), problem=problem)


def with_trust(found: Iterable[InstalledPlugin], names: set[str]) -> Iterator[InstalledPlugin]:
    """The plugins with whether they are trusted; then the distributions that are trusted and bring none. names: normal ones, of
    which "all" is everyone."""
    left = names - {"all", "rtml"}
    for plugin in found:
        key = normal(plugin.distribution)
        left.discard(key)
        yield msgspec.structs.replace(plugin, trusted=key == "rtml" or "all" in names or key in names)
    for name in sorted(left):
        reason = f"{name} is trusted and brings no plugin here: pip install {name}, or do not trust it"
        yield InstalledPlugin(name, name, state="missing", reason=reason, trusted=True)


def release() -> str:
    """Of rtml."""
    from rtml_core import __version__

    return __version__


def python() -> str:
    """Version of Python."""
    return ".".join(map(str, sys.version_info[:3]))
