"""Formulas keep their meaning under every simplification."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.conditions import FALSE, TRUE, Condition, both, compact, either, emit, literal, negate
from rtml_core.testing import run_model


def holds(condition: Condition, facts: dict[int, bool]) -> bool:
    if condition.kind in ("true", "false"):
        return condition.kind == "true"
    if condition.kind == "literal":
        return facts[id(condition.value)] is condition.positive
    return (all if condition.kind == "and" else any)(holds(part, facts) for part in condition.parts)


def test_random_formulas_keep_their_truth_table() -> None:
    chance = random.Random(1)
    b = Builder()
    values = [b.input(f"v{n}", "bool", 1) for n in range(4)]
    tables = [{id(v): bool(bit) for v, bit in zip(values, bits, strict=True)} for bits in itertools.product([0, 1], repeat=4)]
    for _ in range(400):
        pool: list[tuple[Condition, list[bool]]] = [(literal(v), [facts[id(v)] for facts in tables]) for v in values]
        pool += [(TRUE, [True] * 16), (FALSE, [False] * 16)]
        for _ in range(8):
            (one, x), (two, y) = chance.choice(pool), chance.choice(pool)
            step = chance.choice("nao")
            if step == "n":
                pool.append((negate(one), [not p for p in x]))
            elif step == "a":
                pool.append((both(one, two), [p and q for p, q in zip(x, y, strict=True)]))
            else:
                pool.append((either(one, two), [p or q for p, q in zip(x, y, strict=True)]))
        for condition, table in pool:
            assert [holds(condition, facts) for facts in tables] == table


def test_what_contradicts_is_false_and_what_is_certain_true() -> None:
    b = Builder()
    x, y = (literal(b.input(name, "bool", 1)) for name in "xy")
    assert both(x, negate(x)) is FALSE
    assert either(x, negate(x)) is TRUE
    assert both(negate(either(x, y)), y) is FALSE  # behind `if x or y: return`
    assert both(x, either(negate(x), y)) == both(x, y)
    assert either(both(x, y), both(x, negate(y))) == x


def test_emitted_formulas_compute_what_they_say() -> None:
    b = Builder()
    names = "xyz"
    x, y, z = (literal(b.input(name, "bool", 1)) for name in names)
    formula = either(both(x, negate(y), negate(z)), both(negate(x), either(y, z)), both(y, z))
    from rtml_core.assemble import assemble

    model = assemble(b, {"out": emit(b, formula), "small": emit(b, negate(compact(b, formula, 2)))}).model
    bits = np.array(list(itertools.product([False, True], repeat=3)))
    found: dict[str, Any] = run_model(model, {name: bits[:, [i]] for i, name in enumerate(names)})
    expected = [(p and not q and not r) or (not p and (q or r)) or (q and r) for p, q, r in bits.tolist()]
    assert found["out"][:, 0].tolist() == expected
    assert found["small"][:, 0].tolist() == [not answer for answer in expected]
