"""BentoML and ONNX Runtime by hand."""

from datetime import datetime

import bentoml
from by_hand import score
from pydantic import BaseModel


class Visitor(BaseModel):
    age: float | None
    km: float
    quote: float
    seen_at: datetime
    gender: str | None
    brand: str | None
    car_type: str | None
    country: str | None


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Churn:
    @bentoml.api
    async def predict(self, row: Visitor) -> dict[str, float]:
        return {"propensity": score(row.age, row.km, row.quote, row.seen_at, row.gender, row.brand, row.car_type, row.country)}
