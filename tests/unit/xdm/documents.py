"""Documents of all kinds, and what it means that two are equal."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

#: keys that a naive reader of paths trips over, beside any text
_odd = st.sampled_from(["", "a", "b", "0", "-1", ".", "a.b", "a[0]", "[0]", "~", "~_", "@id", "xdm:a", "h://x.y/z", '"', "\\"])
keys = _odd | st.text(st.characters() | st.characters(categories=["Cs"]), max_size=4)
numbers = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 1, 2, 1.0, -0.0, 0.0, 1e308, 2**53 + 1, 2**63, -(2**63), 9_400_000_000_000_000_000_000, 10**400])
)
texts = st.text(max_size=5) | st.sampled_from(["02134", "1.10", "true", "null", "", "2018-11-12T10:00:00+13:00", "\0", "\ufdd0"])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(scalars, lambda x: st.lists(x, max_size=3) | st.dictionaries(keys, x, max_size=3), max_leaves=12)
documents = st.dictionaries(keys, values, max_size=5)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in type and value: 1 is neither 1.0 nor true, 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one.hex() == other.hex() if isinstance(one, float) else bool(one == other)
