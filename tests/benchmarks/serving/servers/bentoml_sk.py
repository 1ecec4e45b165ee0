"""BentoML and the scikit-learn pipeline."""

import os

import bentoml
import joblib
import pandas as pd
from pydantic import BaseModel


class Visitor(BaseModel):
    age: float | None
    km: float
    quote: float
    seen_at: str
    gender: str | None
    brand: str | None
    car_type: str | None
    country: str | None


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Churn:
    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["PEER_PIPELINE"])

    @bentoml.api
    def predict(self, row: Visitor) -> dict[str, float]:
        frame = pd.DataFrame([row.model_dump()])
        return {"propensity": float(self.pipeline.predict_proba(frame)[0, 1])}
