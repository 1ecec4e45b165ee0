"""A formula of texts, times and missing values in a graph: compiled, proved, scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core import operators as op


class ShipmentParams(Params):
    """See Shipment."""

    fees: Annotated[dict[str, float], doc("zone -> fee")]


class Shipment(Operator):
    """What is known of a shipment from its code and its times."""

    Params = ShipmentParams

    def columns(self) -> Sequence[str]:
        return ["code", "sent", "arrived", "fragile"]

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        code, sent, arrived, fragile = columns
        zone = xp.strings.upper(xp.strings.split_get(code, "-", 0))
        days = xp.dates.total_seconds(arrived - sent) / 86400
        fee = xp.lookup(zone, self.params.fees, 4.5)
        return {
            "zone": xp.fill_missing(zone, "none"),
            "fee": xp.where(xp.dates.is_weekend(sent) | fragile, fee * 2, fee),
            "days": days,
            "on": xp.dates.floor(arrived, "day"),
            "late": (days > 3) & ~xp.is_missing(code),
            "careful": ~fragile,
        }


def test_a_formula_is_compiled_and_scored() -> None:
    schema = {"code": "string?", "sent": "timestamp", "arrived": "timestamp?", "fragile": "bool?"}
    made = (op.Receiver(schema=schema) >> Shipment(fees={"EU": 1.0, "US": 2.5})).compile()
    assert made.report.rows > 500
    first = {"code": "eu-118", "sent": "2026-11-20T10:00:00Z", "arrived": "2026-11-24T10:00:00Z", "fragile": True}
    second = {"code": None, "sent": "2026-11-21T10:00:00Z", "arrived": None, "fragile": None}
    one, two = made.score([first, second])
    assert {name: one[name] for name in ("zone", "fee", "days", "late", "careful")} == {
        "zone": "EU",
        "fee": 2.0,
        "days": 4.0,
        "late": True,
        "careful": False,
    }
    assert one["on"].startswith("2026-11-24T00:00:00")
    assert {name: two[name] for name in ("zone", "fee", "days", "late", "careful", "on")} == {
        "zone": "none",
        "fee": 9.0,
        "days": None,
        "late": False,
        "careful": None,
        "on": None,
    }
