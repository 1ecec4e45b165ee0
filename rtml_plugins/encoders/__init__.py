"""Encoders: what pandas can't say row by row, because it is learned from a training frame: fills, groups, bins, scales, codes."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """OneHotEncoder, FillMissing, GroupRare, QuantileBins, OrdinalEncoder, TargetEncoder, FrequencyEncoder, Scaler."""
    from rtml_plugins.encoders.fill_missing import FillMissing
    from rtml_plugins.encoders.frequency import FrequencyEncoder
    from rtml_plugins.encoders.group_rare import GroupRare
    from rtml_plugins.encoders.one_hot import OneHotEncoder
    from rtml_plugins.encoders.ordinal import OrdinalEncoder
    from rtml_plugins.encoders.quantile_bins import QuantileBins
    from rtml_plugins.encoders.scaler import Scaler
    from rtml_plugins.encoders.target import TargetEncoder

    return [OneHotEncoder, FillMissing, GroupRare, QuantileBins, OrdinalEncoder, TargetEncoder, FrequencyEncoder, Scaler]
