"""Encoders: categories to columns of 0 and 1, missing values filled, rare values grouped. All learn from a training frame."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """OneHotEncoder, FillMissing, GroupRare."""
    from rtml_plugins.encoders.fill_missing import FillMissing
    from rtml_plugins.encoders.group_rare import GroupRare
    from rtml_plugins.encoders.one_hot import OneHotEncoder

    return [OneHotEncoder, FillMissing, GroupRare]
