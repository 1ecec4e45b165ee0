"""Makes the dataset that car_insurance.ipynb reads: quotes of a car insurance, seeded, with the mess that such data has.

python car_insurance_data.py [NAME] [ROWS]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from platform_sdk.client_context import ClientContext

TENANT = "_experienceplatform"
SCHEMA_ID = "https://example.com/xdm/car-insurance-quote"

#: values as they come, with their weights; None is missing
BRANDS = ["VW", "Volkswagen", "volkswagen", "BMW", "Audi", "audi", "Opel", "Ford", "Skoda", "Seat", "Volvo", "Lada", None]
BRAND_WEIGHTS = [12, 6, 3, 12, 9, 4, 9, 9, 8, 4, 3, 1, 3]
TYPES = ["Kombi", "Limousine", "SUV", "Cabrio", "Van", "Coupe", "Pickup", "Roadster", "dataLayerNull", None]
TYPE_WEIGHTS = [20, 18, 17, 6, 8, 6, 3, 1, 3, 3]
CITIES = {
    "Switzerland": ["Zurich", "Geneva", "Basel", "Bern", "Lausanne", "Chur", "Sion"],
    "Germany": ["Berlin", "Munich", "Hamburg", "Ulm"],
    "Austria": ["Vienna", "Graz", "Linz"],
    "Italy": ["Milan", "Como"],
    "France": ["Lyon", "Colmar"],
    "Liechtenstein": ["Vaduz"],
    "Portugal": ["Porto"],
    "Spain": ["Girona"],
}
COUNTRIES = ["Switzerland", "switzerland", "Germany", "Austria", "Italy", "France", "Liechtenstein", "Portugal", "Spain", None]
COUNTRY_WEIGHTS = [40, 10, 18, 10, 7, 6, 3, 2, 1, 4]


def schema() -> dict[str, Any]:
    """The schema of a quote: an event with the fields of the tenant."""
    texts = ["km", "cartype", "gender", "carbrand", "leasing", "city", "country", "nationality", "primaryuser", "purchase"]
    fields = {name: {"type": "string"} for name in texts} | {"age": {"type": "number"}, "pricequote": {"type": "number"}}
    tenant = {
        "identification": {"type": "object", "properties": {"ecid": {"type": "string"}}},
        "quote": {"type": "object", "properties": fields},
    }
    return {
        "$id": SCHEMA_ID,
        "title": "Quote of a car insurance",
        "allOf": [{"$ref": "https://rtml.example/xdm/classes/event"}, {"$ref": "#/definitions/quote"}],
        "definitions": {"quote": {"properties": {TENANT: {"type": "object", "properties": tenant}}}},
    }


def _of(random: np.random.Generator, values: list[str | None], weights: list[int]) -> str | None:
    return values[random.choice(len(values), p=np.array(weights) / sum(weights))]


def records(rows: int, seed: int = 7) -> list[dict[str, Any]]:
    """Quotes as XDM events; what is missing is left out. Who is young, asks in the evening and is quoted little buys more."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        country = _of(random, COUNTRIES, COUNTRY_WEIGHTS)
        towns = CITIES[country.capitalize()] if country else ["Zurich"]
        age = None if random.random() < 0.06 else int(random.integers(18, 80))
        hour = int(random.integers(0, 24))
        price = None if random.random() < 0.02 else round(float(random.lognormal(6, 0.5)), 2)
        wish = -0.4 + 0.9 * (hour > 17) - 0.03 * ((age or 45) - 40) - 0.002 * ((price or 400) - 400)
        bought = random.random() < 1 / (1 + np.exp(-wish))
        quote = {
            "km": _of(random, ["0-5000", "5000-15000", "15000-30000", "30000+", None], [2, 5, 3, 1, 1]),
            "cartype": _of(random, TYPES, TYPE_WEIGHTS),
            "age": age,
            "gender": _of(random, ["m", "f", "dataLayerNull", None], [9, 8, 1, 1]),
            "carbrand": _of(random, BRANDS, BRAND_WEIGHTS),
            "leasing": _of(random, ["yes", "no", "dataLayerNull", None], [4, 10, 2, 1]),
            "city": None if random.random() < 0.05 else towns[int(random.integers(len(towns)) * random.random())],
            "country": country,
            "nationality": _of(random, ["CH", "DE", "AT", "IT", None], [8, 4, 2, 1, 1]),
            "primaryuser": _of(random, ["yes", "no", None], [8, 2, 1]),
            "purchase": "yes" if bought else None,
            "pricequote": price,
        }
        made.append(
            {
                "_id": f"quote-{seed}-{number}",
                "timestamp": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T{hour:02}:{number % 60:02}:00Z",
                TENANT: {
                    "identification": {"ecid": str(38652 + number)},
                    "quote": {name: value for name, value in quote.items() if value is not None},
                },
            }
        )
    return made


def main(name: str = "car-insurance", rows: int = 3000) -> None:
    """Give the hub the schema and the records."""
    client = ClientContext().client
    client.add_schemas(schema())
    found = client.ingest(records(rows), schema=SCHEMA_ID, dataset=name, threshold=0)
    print(f"dataset '{name}' at {client.hub}: {found.accepted} new records, {found.duplicates} were there")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
