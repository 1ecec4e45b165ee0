"""FastAPI and ONNX Runtime by hand: the session of the module, an async function, a pydantic model in and out."""

from datetime import datetime

from by_hand import score
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Visitor(BaseModel):
    age: float | None
    km: float
    quote: float
    seen_at: datetime
    gender: str | None
    brand: str | None
    car_type: str | None
    country: str | None


class Answer(BaseModel):
    propensity: float


@app.post("/predict")
async def predict(row: Visitor) -> Answer:
    propensity = score(row.age, row.km, row.quote, row.seen_at, row.gender, row.brand, row.car_type, row.country)
    return Answer(propensity=propensity)
