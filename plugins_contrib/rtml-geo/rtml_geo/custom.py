"""The custom operators: each meaning as a function, as a native and as a Python operator, in a domain for each kind.

They take float64 columns in degrees. Haversine and geohash answer missing where a point is missing or no place; a point that
is missing is in no polygon.
"""

from __future__ import annotations

from typing import Any, Final

from rtml_core import CustomOp

_LIBRARY: Final = "rtml_geo:_native"
_COLUMN: Final = "float64"
_DOCS: Final = {
    "haversine": "Kilometres between two points in degrees (latitude, longitude, twice) on a sphere of 6371.0088 km.",
    "geohash": "The geohash of a point (latitude, longitude) in degrees, of 1 to 12 characters.",
    "in_polygon": "Whether a point (latitude, longitude) is in a polygon [[latitude, longitude], ...], by the even-odd rule.",
}
_MEANINGS: Final[dict[str, dict[str, Any]]] = {
    "haversine": {"inputs": (_COLUMN,) * 4, "outputs": ("float64",), "gives_missing": True},
    "geohash": {"inputs": (_COLUMN,) * 2, "outputs": ("string",), "gives_missing": True, "arguments": {"precision": "int"}},
    "in_polygon": {"inputs": (_COLUMN,) * 2, "outputs": ("bool",), "sees_missing": True, "arguments": {"polygon": "list"}},
}


def _declared(name: str, kind: str) -> CustomOp:
    return CustomOp(
        domain="geo" if kind == "function" else f"geo.{kind}",
        name=name,
        version=1,
        body=f"rtml_geo.{'formulas' if kind == 'function' else 'bodies'}:{name}",
        doc=_DOCS[name],
        cases=f"rtml_geo.cases:{name}",
        kind=kind,
        library=_LIBRARY if kind == "native" else None,
        **_MEANINGS[name],
    )


KINDS: Final = ("function", "native", "python")
#: operator -> kind -> declaration
OPERATORS: Final = {name: {kind: _declared(name, kind) for kind in KINDS} for name in _MEANINGS}
ALL: Final = [op for kinds in OPERATORS.values() for op in kinds.values()]
