"""What a model must be before onnxruntime sees a byte of it. Every refusal says why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from rtml_core.errors import PackageError
from rtml_core.package import Manifest, OpEntry
from rtml_core.runtime.wire import fields, message, number, text

#: ceilings that onnxruntime 1.31 guarantees
MAX_IR: Final = 13
MAX_OPSETS: Final = {"": 26, "ai.onnx.ml": 5, "ai.onnx.contrib": 1, "com.microsoft": 1}
#: domains of operators that onnxruntime and its extensions have by themselves -> their kind in a manifest
_KINDS: Final = {"": "core", "ai.onnx.ml": "core", "com.microsoft": "core", "ai.onnx.contrib": "extension"}
#: the domain of a custom operator, see CustomOp.onnx_domain; onnxruntime prefers such an operator to a local function of its name
_CUSTOM: Final = re.compile(r".*\.v[0-9]+", re.DOTALL)
CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
#: most nodes after all local functions are expanded; an exponential nest of functions hangs a loader
MAX_NODES: Final = 200_000
#: deepest nest of local functions, which a loader follows by recursion
MAX_NEST: Final = 64
#: largest number of elements a constant may claim
MAX_ELEMENTS: Final = 1 << 30
#: nesting of messages that the reader follows
MAX_DEPTH: Final = 12


@dataclass
class Facts:
    """What was read from the model."""

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    ops: dict[tuple[str, str], int] = field(default_factory=dict)
    functions: dict[tuple[str, str], dict[tuple[str, str], int]] = field(default_factory=dict)


def inspect(model: bytes, where: str) -> Facts:
    """Read the facts; raises PackageError for external data, sub-graphs and damaged bytes."""
    facts = Facts()
    for key, value in fields(memoryview(model)):
        if key == 1:
            facts.ir_version = number(value)
        elif key == 7:
            _graph(message(value), facts.ops, where, 0)
        elif key == 8:
            _opset(message(value), facts.opsets)
        elif key == 25:
            _function(message(value), facts, where)
        elif key == 20:
            raise PackageError(f"{where} holds training information, which a runtime does not load")
    return facts


def _opset(data: memoryview, opsets: dict[str, int]) -> None:
    domain, version = "", 0
    for key, value in fields(data):
        if key == 1:
            domain = text(value)
        elif key == 2:
            version = number(value)
    opsets["" if domain == "ai.onnx" else domain] = version


def _function(data: memoryview, facts: Facts, where: str) -> None:
    name, domain = "", ""
    ops: dict[tuple[str, str], int] = {}
    for key, value in fields(data):
        if key == 1:
            name = text(value)
        elif key == 10:
            domain = text(value)
        elif key == 7:
            _node(message(value), ops, where, 0)
        elif key == 9:
            _opset(message(value), facts.opsets)
    facts.functions[(domain, name)] = ops


def _graph(data: memoryview, ops: dict[tuple[str, str], int], where: str, depth: int) -> None:
    for key, value in fields(data):
        if key == 1:
            _node(message(value), ops, where, depth)
        elif key == 5:
            _tensor(message(value), where)
        elif key == 15:
            raise PackageError(f"{where} holds sparse constants, which rtml does not write")


def _node(data: memoryview, ops: dict[tuple[str, str], int], where: str, depth: int) -> None:
    domain = op = ""
    for key, value in fields(data):
        if key == 4:
            op = text(value)
        elif key == 7:
            domain = text(value)
        elif key == 5:
            _attribute(message(value), where, depth)
    domain = "" if domain == "ai.onnx" else domain
    ops[(domain, op)] = ops.get((domain, op), 0) + 1


def _attribute(data: memoryview, where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise PackageError(f"{where} nests its attributes deeper than {MAX_DEPTH}")
    for key, value in fields(data):
        if key in (6, 11):
            raise PackageError(f"{where} holds a sub-graph (control flow), which rtml does not write")
        if key in (5, 10):
            _tensor(message(value), where)
        elif key in (22, 23):
            raise PackageError(f"{where} holds sparse constants, which rtml does not write")


def _tensor(data: memoryview, where: str) -> None:
    elements = 1
    for key, value in fields(data):
        if key == 1 and isinstance(value, int):
            elements *= max(number(value), 0)
        elif key == 1:
            for dim in _packed(message(value)):
                elements *= dim
        elif key == 13 or (key == 14 and number(value) == 1):
            raise PackageError(f"{where} points to external data, which a package must not do")
    if elements > MAX_ELEMENTS:
        raise PackageError(f"{where} claims a constant of {elements:,} elements; at most {MAX_ELEMENTS:,} are loaded")


def _packed(data: memoryview) -> list[int]:
    values, current, shift = [], 0, 0
    for byte in data:
        current |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            values.append(current)
            current = shift = 0
    return values


def check(model: bytes, manifest: Manifest, where: str) -> None:
    """Refuse a model that is not what its manifest says, or that no rtml would write; raises PackageError."""
    facts = inspect(model, where)
    if not 3 <= facts.ir_version <= MAX_IR:
        raise PackageError(f"{where} has ONNX IR version {facts.ir_version}; this runtime loads 3 to {MAX_IR}")
    for domain, version in facts.opsets.items():
        ceiling = MAX_OPSETS.get(domain)
        if ceiling is not None and version > ceiling:
            raise PackageError(
                f"{where} needs opset {version} of '{domain or 'ai.onnx'}'; this runtime guarantees up to {ceiling}"
            )
    if facts.opsets != manifest.opsets:
        raise PackageError(f"{where} imports the opsets {facts.opsets}; its manifest says {manifest.opsets}")
    present = dict(facts.ops)
    for body in facts.functions.values():
        for pair, count in body.items():
            present[pair] = present.get(pair, 0) + count
    for domain, op in present:
        if domain == "" and op in CONTROL_FLOW:
            raise PackageError(f"{where} holds control flow ({op}), which rtml does not write")
    for domain, op in facts.functions:
        if _CUSTOM.fullmatch(domain):
            raise PackageError(f"{where} holds a function {domain}:{op}, which has the name of a custom operator")
        if domain in _KINDS:
            raise PackageError(f"{where} holds a function {domain or 'ai.onnx'}:{op}, which has the name of a standard operator")
    for entry in manifest.ops:
        _require_kind(entry, facts, where)
    listed = {(entry.domain, entry.op) for entry in manifest.ops}
    unlisted = sorted(f"{domain or 'ai.onnx'}:{op}" for domain, op in set(present) - listed - set(facts.functions))
    if unlisted:
        raise PackageError(f"{where} uses operators that its manifest does not list: {', '.join(unlisted)}")
    if manifest.portable == bool(manifest.foreign):
        claimed = "portable, and it has" if manifest.portable else "not portable, and it has no"
        raise PackageError(f"{where} says that it is {claimed} operators that run code of a plugin")
    expanded = _expanded(facts, where)
    if expanded > MAX_NODES:
        raise PackageError(f"{where} expands to {expanded:,} nodes; at most {MAX_NODES:,} are loaded")


def _require_kind(entry: OpEntry, facts: Facts, where: str) -> None:
    """The kind decides whether a plugin is asked for and trusted, so it is not the manifest's to choose: an operator of another
    domain is a function when the model holds that function, and only then."""
    kind = _KINDS.get(entry.domain)
    if kind is not None:
        fits = entry.kind == kind
    elif (entry.domain, entry.op) in facts.functions:
        fits = entry.kind == "function"
    else:
        fits = entry.kind in ("native", "python")
    if not fits:
        raise PackageError(
            f"{where} lists the operator {entry.domain or 'ai.onnx'}:{entry.op} as kind '{entry.kind}', which it is not"
        )


def _expanded(facts: Facts, where: str) -> int:
    """Nodes after inlining all functions; a recursion of functions counts as endless. Raises PackageError for a deep nest."""
    sizes: dict[tuple[str, str], int] = {}
    heights: dict[tuple[str, str], int] = {}

    def size(ops: dict[tuple[str, str], int], path: tuple[tuple[str, str], ...]) -> int:
        total = 0
        below = max((heights.get(op, 0) for op in ops), default=0)  # of those that were met before
        if len(path) + below > MAX_NEST:
            raise PackageError(f"{where} nests its functions deeper than {MAX_NEST}, which rtml does not write")
        for op, count in ops.items():
            if op not in facts.functions:
                total += count
            elif op in path:
                return MAX_NODES + 1
            else:
                if op not in sizes:
                    sizes[op] = size(facts.functions[op], (*path, op))
                    heights[op] = 1 + max((heights.get(inner, 0) for inner in facts.functions[op]), default=0)
                total += count * sizes[op]
            if total > MAX_NODES:
                return MAX_NODES + 1
        return total

    return size(facts.ops, ())
