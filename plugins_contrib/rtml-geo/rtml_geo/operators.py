"""The operators Haversine, Geohash, InPolygon and Zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError
from rtml_geo import cases, formulas
from rtml_geo.custom import OPERATORS
from rtml_geo.places import normal, problem_of

if TYPE_CHECKING:
    import pandas as pd

Using = Annotated[
    Literal["formula", "function", "native", "python"],
    doc(
        "how it runs in a package, always with the same answer: 'formula', as ONNX operators; 'function', as an ONNX function of"
        " them; 'native', as a C operator; 'python', as a Python operator. The last two are not portable"
    ),
]
FORMS = ("formula", "function", "native", "python")
Point = Annotated[tuple[str, str], doc("columns of latitude and longitude, in degrees")]
Polygon = list[tuple[float, float]]


class _Geo(Operator):
    """What the operators share: the formula, or a custom operator of the same meaning."""

    def _run(self, xp: Any, name: str, *columns: Any, **arguments: Any) -> Any:
        columns = tuple(xp.astype(column, "float64") for column in columns)
        if self.params.using == "formula":
            return getattr(formulas, name)(xp, *columns, **arguments)
        return xp.custom(OPERATORS[name][self.params.using], *columns, **arguments)

    def _rows(self, columns: cases.Columns, *, every: int = 1) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({name: column[::every] for name, column in zip(self.columns(), columns, strict=True)})


class Haversine(_Geo):
    """Distance in kilometres between two points given in degrees, along a great circle of a sphere.

    Four columns of numbers [N], latitudes from -90 to 90 and longitudes from -180 to 360 degrees -> one float64 column [N] in
    kilometres, from 0 to 20015.1; missing where a point is missing or outside of these ranges. The sphere has the Earth's mean
    radius (IUGG R1, 6371.0088 km); the Earth is flattened, and distances on it differ by up to 0.6 percent. Exact to the
    millimetre for equal points and antipodes too.
    Source: R. W. Sinnott, Virtues of the Haversine, Sky & Telescope 68 (1984).
    """

    class Params(Params):
        origin: Annotated[tuple[str, str], doc("columns of latitude and longitude, in degrees")]
        target: Annotated[tuple[str, str], doc("the same of the other point")]
        into: Annotated[str, doc("name of the new column")] = "distance_km"
        using: Using = "formula"

    def columns(self) -> Sequence[str]:
        return [*self.params.origin, *self.params.target]

    def compute(self, xp: Any, *columns: Any) -> dict[str, Any]:
        return {self.params.into: self._run(xp, "haversine", *columns)}

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return [cls(origin=("lat", "lon"), target=("to_lat", "to_lon"), using=using) for using in FORMS]

    def parity_cases(self) -> pd.DataFrame:
        return self._rows(cases.haversine()[0], every=9)


class Geohash(_Geo):
    """The geohash of a point: a text for the cell of a grid that it lies in, which lies in the cell of a shorter one.

    Two columns of numbers [N], latitudes from -90 to 90 and longitudes from -180 to 360 degrees -> one string column [N] of so
    many characters; missing where the point is missing or outside of these ranges. A cell has its southern and western borders;
    those at 90 degrees north and 180 degrees east have these borders too. Longitudes above 180 are counted from -180 on.
    Cells of 1 to 12 characters are 5000, 1250, 156, 39, 4.9, 1.2 km, 153, 38, 4.8, 1.2 m, 15 and 4 cm wide at the equator.
    Source: G. Niemeyer, geohash.org (2008, public domain).
    """

    class Params(Params):
        point: Point
        precision: Annotated[int, doc("number of characters, from 1 to 12")] = 7
        into: Annotated[str, doc("name of the new column")] = "geohash"
        using: Using = "formula"

        def validate(self) -> None:
            if not 1 <= self.precision <= 12:
                raise ParamError(f"parameter 'precision' must be from 1 to 12; got {self.precision}")

    def columns(self) -> Sequence[str]:
        return list(self.params.point)

    def compute(self, xp: Any, lat: Any, lon: Any) -> dict[str, Any]:
        return {self.params.into: self._run(xp, "geohash", lat, lon, precision=self.params.precision)}

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return [cls(point=("lat", "lon"), precision=5, using=using) for using in FORMS]

    def parity_cases(self) -> pd.DataFrame:
        return self._rows(cases.geohash()[0][:2], every=5)


class InPolygon(_Geo):
    """Whether a point lies in a polygon, by the even-odd rule.

    Two columns of numbers [N], latitudes from -90 to 90 and longitudes from -180 to 360 degrees -> one bool column [N]; False
    where the point is missing or outside of these ranges. Edges are straight on a map of latitudes and longitudes (not great
    circles). Of points on an edge those on southern and western edges are inside, those on northern and eastern ones are not, so
    that of zones side by side a point is in one. A polygon over the date line is written with longitudes that go on, 170 to 190.
    Where the outline crosses itself, what it goes around twice is outside.
    Source: M. Shimrat, Algorithm 112, CACM 5 (1962), with R. Hacker's correction; W. R. Franklin's PNPOLY has the same rule.
    """

    class Params(Params):
        point: Point
        polygon: Annotated[
            Polygon,
            doc("corners in order, [latitude, longitude] in degrees", "a list of three corners [latitude, longitude] or more"),
        ]
        into: Annotated[str, doc("name of the new column")] = "inside"
        using: Using = "formula"

        def validate(self) -> None:
            _check("polygon", self.polygon)

    def columns(self) -> Sequence[str]:
        return list(self.params.point)

    def compute(self, xp: Any, lat: Any, lon: Any) -> dict[str, Any]:
        return {self.params.into: self._run(xp, "in_polygon", lat, lon, polygon=normal(self.params.polygon))}

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return [cls(point=("lat", "lon"), polygon=cases.POLYGONS["date line"], using=using) for using in FORMS]

    def parity_cases(self) -> pd.DataFrame:
        return self._rows(cases.outline(normal(self.params.polygon)[:20]))


class Zone(_Geo):
    """The zone that a point lies in: the name of the first polygon that holds it.

    Two columns of numbers [N], latitudes from -90 to 90 and longitudes from -180 to 360 degrees -> one string column [N], missing
    where the point is in no zone, missing, or outside of these ranges. What is inside is said at InPolygon.
    """

    class Params(Params):
        point: Point
        zones: Annotated[
            dict[str, Polygon],
            doc(
                "name of a zone -> its corners in order, [latitude, longitude] in degrees; where they overlap the first counts",
                "an object of names and lists of three corners [latitude, longitude] or more",
            ),
        ]
        into: Annotated[str, doc("name of the new column")] = "zone"
        using: Using = "formula"

        def validate(self) -> None:
            if not self.zones:
                raise ParamError("parameter 'zones' must have at least one zone; got {}")
            for name, polygon in self.zones.items():
                _check(f"zones['{name}']", polygon)

    def columns(self) -> Sequence[str]:
        return list(self.params.point)

    def compute(self, xp: Any, lat: Any, lon: Any) -> dict[str, Any]:
        zones = self.params.zones
        inside = [self._run(xp, "in_polygon", lat, lon, polygon=normal(polygon)) for polygon in zones.values()]
        return {self.params.into: xp.select(inside, list(zones), None)}

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return [cls(point=("lat", "lon"), zones=cases.POLYGONS, using=using) for using in FORMS]

    def parity_cases(self) -> pd.DataFrame:
        return self._rows(cases.outline([corner for zone in self.params.zones.values() for corner in normal(zone)[:20]][:60]))


def _check(name: str, polygon: Polygon) -> None:
    problem = problem_of(polygon)
    if problem:
        raise ParamError(f"parameter '{name}' is no polygon: {problem}")
