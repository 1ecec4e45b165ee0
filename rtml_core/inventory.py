"""What is installed here: plugins, and the operators and custom operators that they bring, for programs that show it.

Finding out loads the plugins, which are strangers' code. `looked`, and whoever runs `command` itself, does that in a process of
its own: `python -m rtml_core.inventory`, which prints JSON. Importing this module imports no plugin.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rtml_core.errors import RtmlError, describe
from rtml_core.hookspecs import GROUP
from rtml_core.installed import entry_points, normal

if TYPE_CHECKING:
    from rtml_core.operator import Operator
    from rtml_core.plugins import Plugins
    from rtml_core.registry import Entry

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
    "examples",
    "inventory",
    "looked",
    "looked_examples",
    "read",
    "unread",
]

#: how much is found out: plugins alone, or what is known of operators, too
Part = Literal["plugins", "operators"]
#: seconds that the process may take
SECONDS: Final = 60.0
#: characters of a reason that are kept, and examples of an operator
_LONGEST: Final = 2000
_EXAMPLES: Final = 2


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
    return [sys.executable, "-m", "rtml_core.inventory", part, *trust]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables of that process, from those of this one: a broken plugin is told, also where it is an error otherwise."""
    from rtml_core.config import VARIABLES

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
    done = _run([sys.executable, "-m", "rtml_core.inventory", "example", operator], seconds)
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
    return f"ended its process {how}: {last[:_LONGEST]}"


def unread(problem: str, trust: Iterable[str] = ()) -> Inventory:
    """What is known of plugins without loading them, and why they were not."""
    names = {normal(name) for name in trust}
    found = (
        InstalledPlugin(point.name, point.distribution, point.version, state="unknown", reason=problem)
        for point in entry_points(GROUP)
    )
    return Inventory(_release(), _python(), tuple(_with_trust(found, names)), problem=problem)


# ---- in this process --------------------------------------------------------------------------------------------------


def inventory(part: Part = "operators", trust: Iterable[str] = ()) -> Inventory:
    """What is installed here, by loading the plugins into this process."""
    from rtml_core import config
    from rtml_core.plugins import plugins

    known = plugins()
    names = {normal(name) for name in (*trust, *config.option("trust")) if name.strip()}
    listed = tuple(_with_trust(_plugins(known), names))
    if part == "plugins":
        return Inventory(_release(), _python(), listed)
    entries = [known.registry.entry(name) for name in known.registry]
    operators = tuple(map(_operator, entries))
    custom = tuple(InstalledCustomOp(str(op), op.kind, origin.plugin, op.doc) for op, origin in known.custom_ops.entries())
    return Inventory(_release(), _python(), listed, operators, custom)


def _plugins(known: Plugins) -> Iterator[InstalledPlugin]:
    for name, info in known.infos.items():
        yield InstalledPlugin(
            name,
            info.distribution,
            info.version,
            info.api,
            info.state,
            info.error[:_LONGEST],
            tuple(info.operators),
            tuple(info.commands),
            tuple(info.converters),
            tuple(info.custom_ops),
            tuple(info.settings),
        )


def _with_trust(found: Iterable[InstalledPlugin], names: set[str]) -> Iterator[InstalledPlugin]:
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


def _operator(entry: Entry) -> InstalledOperator:
    facts = operator_facts(entry, parameters=True)
    return InstalledOperator(
        name=facts["name"],
        version=facts["version"],
        role=facts["role"],
        lowering=facts["lowering"],
        formula=facts["formula"],
        learns=facts["learns"],
        tolerance=tuple(facts["tolerance"]),
        plugin=facts["plugin"],
        distribution=facts["distribution"],
        distribution_version=facts["distribution_version"],
        summary=facts["summary"],
        doc=facts["doc"],
        parameters=tuple(Parameter(**parameter) for parameter in facts["parameters"]),
    )


def operator_facts(entry: Entry, *, parameters: bool) -> dict[str, Any]:
    """One operator as JSON values."""
    cls = entry.cls
    facts: dict[str, Any] = {
        "name": cls.name,
        "version": cls.version,
        "role": cls.role,
        "lowers": cls.lowers(),
        "lowering": cls.lowering_kind if cls.lowers() else None,
        "formula": cls.has_formula(),
        "learns": cls.may_learn(),
        "tolerance": list(cls.tolerance),
        "plugin": entry.origin.plugin,
        "distribution": entry.origin.distribution,
        "distribution_version": entry.origin.version,
        "summary": summary(cls),
    }
    if parameters:
        facts["doc"] = inspect.cleandoc(cls.__doc__ or "")
        facts["parameters"] = list(_parameters(cls))
    return facts


def _parameters(cls: type[Operator]) -> Iterator[dict[str, Any]]:
    from rtml_core.params import describe_params

    for p in describe_params(cls.Params):
        yield {"name": p.encode_name, "type": p.expected, "required": p.required, "default": _as_json(p.default), "text": p.text}


def summary(cls: type[Operator]) -> str:
    """The first sentence of what an operator says of itself."""
    return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def _as_json(value: Any) -> Any:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)
    return value


# ---- examples ---------------------------------------------------------------------------------------------------------


def examples(operator: str) -> Examples:
    """Examples of an operator, made in this process. Raises UnknownNameError for one that is not installed."""
    from rtml_core.plugins import plugins

    known = plugins()
    entry = known.registry.entry(operator)
    nodes: list[dict[str, Any]] = []
    custom: set[str] = set()
    problem = ""
    try:
        given: Sequence[Any] = entry.cls.examples()
        for number, item in enumerate(given):
            example, rows = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
            if number < _EXAMPLES:
                nodes.append(_node(example, entry))
            if known.infos[entry.origin.plugin].custom_ops:
                custom |= set(_lowered(example, rows))
    except Exception as error:  # a stranger's code may raise anything; what was found so far is told
        problem = f"examples() of {operator} fails: {describe(error)}; rtml plugins check {entry.origin.plugin} says more"
    return Examples(tuple(nodes), tuple(sorted(custom)), problem)


def _node(example: Operator, entry: Entry) -> dict[str, Any]:
    params = json.loads(json.dumps(example.to_json(), allow_nan=False))
    return {"id": entry.cls.name.lower(), "operator": entry.cls.name, "plugin": entry.origin.plugin, "params": params}


def _lowered(example: Operator, rows: Any) -> Iterator[str]:
    """The custom operators that a node becomes, on rows of its own."""
    from rtml_core.frames import canonical, schema_of
    from rtml_core.lowering.scratch import lower_alone

    rows = example.parity_cases() if rows is None else rows
    if rows is None or not example.lowers() or not example.fitted:
        return
    try:
        made = lower_alone(example, schema_of(canonical(rows), nullable=None))
    except RtmlError:
        return
    yield from map(str, made.builder.custom_ops.values())


def _release() -> str:
    from rtml_core import __version__

    return __version__


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def main() -> None:
    """Print the inventory. What plugins print, also what is written to standard output below Python, goes to standard error."""
    part, *more = sys.argv[1:]
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    found = examples(more[0]) if part == "example" else inventory("plugins" if part == "plugins" else "operators", more)
    with told:
        told.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
