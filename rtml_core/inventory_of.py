"""Finds out what is installed by loading the plugins into this process, and prints it: `python -m rtml_core.inventory_of`.

Others run it in a process of its own, see inventory.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core import config
from rtml_core.errors import RtmlError, describe
from rtml_core.installed import normal
from rtml_core.inventory import (
    LONGEST,
    Examples,
    InstalledCustomOp,
    InstalledOperator,
    InstalledPlugin,
    Inventory,
    Parameter,
    Part,
    python,
    release,
    with_trust,
)
from rtml_core.params import describe_params
from rtml_core.plugins import Plugins, plugins

if TYPE_CHECKING:
    from rtml_core.operator import Operator
    from rtml_core.registry import Entry

#: examples of an operator that are shown
_EXAMPLES: Final = 2


def inventory(part: Part = "operators", trust: Iterable[str] = ()) -> Inventory:
    """What is installed here, by loading the plugins into this process."""
    known = plugins()
    names = {normal(name) for name in (*trust, *config.option("trust")) if name.strip()}
    listed = tuple(with_trust(_plugins(known), names))
    if part == "plugins":
        return Inventory(release(), python(), listed)
    entries = [known.registry.entry(name) for name in known.registry]
    operators = tuple(map(_operator, entries))
    custom = tuple(InstalledCustomOp(str(op), op.kind, origin.plugin, op.doc) for op, origin in known.custom_ops.entries())
    return Inventory(release(), python(), listed, operators, custom)


def _plugins(known: Plugins) -> Iterator[InstalledPlugin]:
    for name, info in known.infos.items():
        yield InstalledPlugin(
            name,
            info.distribution,
            info.version,
            info.api,
            info.state,
            info.error[:LONGEST],
            tuple(info.operators),
            tuple(info.commands),
            tuple(info.converters),
            tuple(info.custom_ops),
            tuple(info.settings),
        )


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
