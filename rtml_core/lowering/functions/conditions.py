"""Conditions of a compiled function: formulas over boolean tensors that are simplified before anything is emitted.

A condition is TRUE, FALSE, a literal (a boolean tensor or its negation), or an And or Or of such. Simplification is what
makes the code behind `if x is None: return 0` know that x is not None: And drops what contradicts its other parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import onnx_ir as ir

from rtml_core.lowering.builder import Builder


@dataclass(frozen=True, eq=False)
class Condition:
    """kind: "true", "false", "literal", "and", "or". Equal conditions have equal keys.

    `implies`, of a literal: what is certain where its tensor is true, e.g. that a number which is less than 18 is not missing.
    """

    kind: str
    parts: frozenset[Condition] = frozenset()
    value: ir.Value | None = None
    positive: bool = True
    implies: Condition | None = None
    key: object = field(init=False)
    size: int = field(init=False)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        own = (id(self.value), self.positive) if self.kind == "literal" else frozenset(part.key for part in self.parts)
        object.__setattr__(self, "key", (self.kind, own))
        object.__setattr__(self, "size", sum(part.size for part in self.parts) or 1)
        object.__setattr__(self, "_hash", hash(self.key))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Condition) and self._hash == other._hash and self.key == other.key)

    def __hash__(self) -> int:
        return self._hash


TRUE: Final = Condition("true")
FALSE: Final = Condition("false")
#: an Or of more parts than these is not searched for simplifications
_MANY: Final = 40


def literal(value: ir.Value, implies: Condition | None = None) -> Condition:
    """A boolean tensor [N, 1] as a condition, and a literal that is certain where it is true."""
    known = implies if implies is not None and implies.kind == "literal" else None
    return Condition("literal", value=value, implies=known)


def constant(value: bool) -> Condition:
    """TRUE or FALSE."""
    return TRUE if value else FALSE


def negate(condition: Condition) -> Condition:
    """not condition; computed once for each condition"""
    known: Condition | None = condition.__dict__.get("negation")
    if known is None:
        known = _negated(condition)
        object.__setattr__(condition, "negation", known)
        known.__dict__.setdefault("negation", condition)
    return known


def _negated(condition: Condition) -> Condition:
    match condition.kind:
        case "true" | "false":
            return FALSE if condition.kind == "true" else TRUE
        case "literal":
            return Condition("literal", value=condition.value, positive=not condition.positive, implies=condition.implies)
        case "and":
            return either(*map(negate, condition.parts))
    return both(*map(negate, condition.parts))


def both(*conditions: Condition) -> Condition:
    """All of the conditions."""
    return _join(conditions, "and")


def either(*conditions: Condition) -> Condition:
    """One of the conditions at least."""
    return _join(conditions, "or")


def _join(conditions: Iterable[Condition], kind: str) -> Condition:
    neutral, decisive, dual = (TRUE, FALSE, "or") if kind == "and" else (FALSE, TRUE, "and")
    flat: set[Condition] = set()
    for condition in conditions:
        flat |= condition.parts if condition.kind == kind else {condition}
    flat.discard(neutral)
    flat = _propagated(flat, kind, dual, decisive)
    if decisive in flat or any(negate(part) in flat for part in flat if part.kind == "literal"):
        return decisive
    flat = _merged(_without_implied(flat, kind, decisive), kind, dual)
    if decisive in flat:
        return decisive
    if not flat:
        return neutral
    return next(iter(flat)) if len(flat) == 1 else Condition(kind, frozenset(flat))


def _propagated(flat: set[Condition], kind: str, dual: str, decisive: Condition) -> set[Condition]:
    """a and (a or b) is a; a and (not a or b) is a and b; likewise with `and` and `or` the other way round."""
    while True:
        changed: set[Condition] = set()
        opposite = {negate(part) for part in flat if part.kind != dual or len(part.parts) <= _MANY}
        for part in flat:
            if part.kind != dual:
                changed.add(part)
                continue
            if part.parts & (flat - {part}):
                continue  # absorbed
            left = part.parts - opposite
            if not left:
                return {decisive}
            changed |= _spread(left, kind, dual)
        if changed == flat:
            return flat
        flat = changed


def _spread(left: frozenset[Condition], kind: str, dual: str) -> set[Condition]:
    if len(left) > 1:
        return {Condition(dual, left)}
    only = next(iter(left))
    return set(only.parts) if only.kind == kind else {only}


def _without_implied(flat: set[Condition], kind: str, decisive: Condition) -> set[Condition]:
    """`x < 18 and x is there` is `x < 18`; `not x < 18 or x is missing` is `not x < 18`."""
    for part in list(flat):
        if part.implies is None or part.positive is not (kind == "and"):
            continue
        certain = part.implies if kind == "and" else negate(part.implies)
        if negate(certain) in flat:
            return {decisive}
        flat.discard(certain)
    return flat


def _merged(flat: set[Condition], kind: str, dual: str) -> set[Condition]:
    """(a and b) or (a and not b) is a, and the same for the dual."""
    flat = set(flat)
    while len(flat) <= _MANY:
        duals = sorted((part for part in flat if part.kind == dual), key=_order)
        pairs = ((one, two) for place, one in enumerate(duals) for two in duals[place + 1 :])
        found = next((pair for pair in pairs if _differ_in_one(*pair, dual)), None)
        if found is None:
            return flat
        flat -= set(found)
        common = found[0].parts & found[1].parts
        flat |= _spread(common, kind, dual) if common else set()
    return flat


def _differ_in_one(one: Condition, two: Condition, dual: str) -> bool:
    if two.kind != dual or len(one.parts) != len(two.parts):
        return False
    mine, yours = one.parts - two.parts, two.parts - one.parts
    return len(mine) == 1 and negate(next(iter(mine))) in yours


def compact(b: Builder, condition: Condition, limit: int) -> Condition:
    """A condition of more than `limit` literals as one literal: simplifying large ones costs more than it brings."""
    return literal(emit(b, condition)) if condition.size > limit else condition


def emit(b: Builder, condition: Condition) -> ir.Value:
    """The condition as a boolean tensor; a constant one is [1, 1]."""
    if condition.kind in ("true", "false"):
        return b.const([[condition.kind == "true"]], "bool")
    if condition.kind == "literal":
        assert condition.value is not None
        return condition.value if condition.positive else b.op("Not", condition.value)
    # not (a and b) rather than (not a or not b): one Not in place of two
    negative = [part for part in condition.parts if part.kind == "literal" and not part.positive]
    others = sorted((part for part in condition.parts if part not in negative), key=_order)
    op, dual = ("And", "Or") if condition.kind == "and" else ("Or", "And")
    values = [emit(b, part) for part in others]
    if negative:
        inner = _chain(b, dual, [part.value for part in sorted(negative, key=_order) if part.value is not None])
        values.append(b.op("Not", inner))
    return _chain(b, op, values)


def _chain(b: Builder, op: str, values: list[ir.Value]) -> ir.Value:
    result = values[0]
    for value in values[1:]:
        result = b.op(op, result, value)
    return result


def _order(condition: Condition) -> str:
    """A stable order, so that the same graph gives the same model."""
    if condition.kind == "literal":
        assert condition.value is not None
        return f"{len(condition.value.name or ''):03d}{condition.value.name}{condition.positive}"
    return f"~{condition.kind}" + "".join(sorted(map(_order, condition.parts)))
