"""Random formulas: what one reading refuses the other refuses, and all else is equal bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtml_core.errors import NotLowerableError
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import lower_alone
from rtml_core.testing import assert_parity
from tests.unit.core.lowering.namespace.examples import Example, rows_for

#: no formula divides by another, which may be a zero whose sign onnxruntime's Where lost
#: kind -> atoms, and templates whose {kinds} are filled with formulas of these kinds
ATOMS = {"f": ["x", "y"], "i": ["n", "m"], "b": ["p", "q"], "s": ["s", "u"], "t": ["t", "v"], "d": ["d"]}
SHAPES = {
    "f": [
        "{f} + 0.5",
        "{f} * -2.0",
        "{f} / 3.0",
        "xp.where({b}, 0.0, {f})",
        "xp.where({b}, {f}, xp.nan)",
        "{i} * 0.5",
        "1 / x",
        "{i} / 2",
        "{f} + {f}",
        "{f} - {i}",
        "{f} * {f}",
        "{f} / y",
        "{i} / {i}",
        "{f} // {f}",
        "{f} % {f}",
        "-{f}",
        "xp.abs({f})",
        "xp.sign({f})",
        "xp.sqrt({f})",
        "xp.floor({f})",
        "xp.ceil({f})",
        "xp.trunc({f})",
        "xp.round({f})",
        "xp.maximum({f}, {f})",
        "xp.minimum({f}, {i})",
        "xp.fmax({f}, {f})",
        "xp.clip({f}, 0.0, 5.0)",
        "xp.where({b}, {f}, {f})",
        "xp.where({b}, {f}, {i})",
        "xp.where({b}, {i}, None)",
        "xp.fill_missing({f}, {f})",
        "xp.nan_to_num({f})",
        "xp.lookup({s}, {{'a': 1.5, 'b': 2.0}}, {f})",
        "xp.strings.length({s})",
        "xp.strings.find({s}, 'b')",
        "xp.dates.year({t})",
        "xp.dates.dayofweek({t})",
        "xp.dates.total_seconds({d})",
        "{f} ** 2",
        "xp.select([{b}, {b}], [{f}, {i}], {f})",
        "xp.astype({i}, 'float64')",
        "xp.reciprocal(x)",
        "xp.square({f})",
    ],
    "i": [
        "{i} + 1",
        "3 - {i}",
        "{i} * 2**62",
        "{i} // 3",
        "{i} // 0",
        "{i} % -3",
        "xp.where({b}, 1, {i})",
        "xp.minimum({i}, 2)",
        "{i} + {i}",
        "{i} - {i}",
        "{i} * {i}",
        "{i} // {i}",
        "{i} % {i}",
        "-{i}",
        "xp.abs({i})",
        "xp.maximum({i}, {i})",
        "{i} & {i}",
        "{i} | {i}",
        "~{i}",
        "xp.where({b}, {i}, {i})",
        "xp.lookup({s}, {{'a': 1, '': 2}}, {i})",
        "xp.digitize({f}, [0.0, 1.5])",
        "{i} ** 3",
        "xp.sign({i})",
        "xp.clip({i}, 0, 7)",
    ],
    "b": [
        "{f} < 0.5",
        "{i} > 2",
        "{f} >= {i}",
        "{s} == 'a'",
        "{s} != ''",
        "{t} < dt('2024-02-29')",
        "{b} & True",
        "{b} | False",
        "{b} == True",
        "{f} < {f}",
        "{f} == {f}",
        "{i} >= {i}",
        "{i} != {f}",
        "{s} == {s}",
        "{s} != {s}",
        "{t} < {t}",
        "{t} == {t}",
        "{b} & {b}",
        "{b} | {b}",
        "{b} ^ {b}",
        "~{b}",
        "{b} == {b}",
        "xp.is_missing({f})",
        "xp.is_missing({s})",
        "xp.is_missing({t})",
        "xp.isnan({f})",
        "xp.isfinite({f})",
        "xp.isin({s}, ['a', 'ab', ''])",
        "xp.isin({f}, [0.5, 3.0])",
        "xp.isin({i}, [3, 7])",
        "xp.logical_and({f}, {b})",
        "xp.where({b}, {b}, {b})",
        "xp.fill_missing({b}, False)",
        "xp.strings.contains({s}, 'a')",
        "xp.strings.matches({s}, '[a-z]+')",
        "xp.dates.is_weekend({t})",
        "xp.signbit({i})",
        "xp.lookup({s}, {{'a': True}}, {b})",
    ],
    "s": [
        "{s} + '-'",
        "'a' + {s}",
        "xp.where({b}, 'a', {s})",
        "xp.where({b}, 'a', 'b')",
        "xp.fill_missing({s}, '')",
        "{s} + {s}",
        "xp.strings.lower({s})",
        "xp.strings.upper({s})",
        "xp.strings.strip({s})",
        "xp.strings.replace({s}, 'a', 'b')",
        "xp.strings.slice({s}, 0, 2)",
        "xp.strings.get({s}, 0)",
        "xp.strings.split_get({s}, '-', 1)",
        "xp.strings.concat({s}, '/', {s})",
        "xp.where({b}, {s}, {s})",
        "xp.where({b}, {s}, None)",
        "xp.fill_missing({s}, {s})",
        "xp.lookup({s}, {{'a': 'A', '': 'none'}}, {s})",
        "xp.astype({i}, 'string')",
        "xp.astype({b}, 'string')",
        "xp.lookup({i}, {{3: 'c'}})",
        "xp.strings.zfill({s}, 3)",
    ],
    "t": [
        "xp.where({b}, dt('2024-02-29'), {t})",
        "xp.fill_missing({t}, dt('1970-01-01'))",
        "{t} + {d}",
        "{t} - {d}",
        "xp.where({b}, {t}, {t})",
        "xp.fill_missing({t}, {t})",
        "xp.dates.floor({t}, 'day')",
        "xp.where({b}, {t}, None)",
    ],
    "d": [
        "{t} - dt('2024-02-29')",
        "{d} * 3",
        "{t} - {t}",
        "{d} + {d}",
        "-{d}",
        "xp.abs({d})",
        "xp.where({b}, {d}, {d})",
        "xp.dates.timedelta({i} % 1000, 'hours')",
        "xp.maximum({d}, {d})",
    ],
}


@st.composite
def formulas(draw: st.DrawFn, kind: str, depth: int) -> str:
    """A formula of a kind, in parentheses."""
    if depth == 0:
        return draw(st.sampled_from(ATOMS[kind]))
    shape = draw(st.sampled_from(SHAPES[kind]))
    made, rest = "", shape
    while "{" in rest:
        before, _, rest = rest.partition("{")
        made += before
        if rest.startswith("{"):  # a brace of Python's own
            inside, _, rest = rest.partition("}}")
            made += inside + "}"
            continue
        inner, _, rest = rest.partition("}")
        made += draw(formulas(inner, depth - draw(st.integers(1, depth))))
    return f"({made + rest})"


@pytest.mark.parametrize("missing", [True, False])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(codes=st.lists(st.sampled_from("fibstd").flatmap(lambda kind: formulas(kind, 3)), min_size=1, max_size=1))
def test_random_formulas_agree(missing: bool, codes: list[str]) -> None:
    operator = Example(*codes)
    rows = rows_for(operator, missing=missing)
    rows = rows.iloc[:: max(1, len(rows) // 120)].reset_index(drop=True)
    try:
        lower_alone(operator, schema_of(rows, nullable=missing))
    except NotLowerableError:
        return
    assert assert_parity(operator, rows, nullable=missing) >= 0
