"""Where things are: distances, geohashes and zones as rtml operators, each in the four ways an operator can run."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import CustomOp, Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """Haversine, Geohash, InPolygon, Zone."""
    from rtml_geo.operators import Geohash, Haversine, InPolygon, Zone

    return [Haversine, Geohash, InPolygon, Zone]


@hookimpl
def rtml_custom_ops() -> Sequence[CustomOp]:
    """What they are as functions, as native and as Python operators."""
    from rtml_geo.custom import ALL

    return ALL
