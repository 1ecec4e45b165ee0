"""Fields: arithmetic, conditions and constants on them (FieldOps); rename, cast, move, drop, default (FieldTrans)."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """FieldOps, FieldTrans."""
    from rtml_plugins.fields.field_ops import FieldOps
    from rtml_plugins.fields.field_trans import FieldTrans

    return [FieldOps, FieldTrans]
