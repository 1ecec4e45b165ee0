"""FastAPI and the scikit-learn pipeline, as a team writes it: a pydantic model in, a frame of one row, predict_proba."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
pipeline = joblib.load(os.environ["PEER_PIPELINE"])


class Visitor(BaseModel):
    age: float | None
    km: float
    quote: float
    seen_at: str
    gender: str | None
    brand: str | None
    car_type: str | None
    country: str | None


class Answer(BaseModel):
    propensity: float


@app.post("/predict")
def predict(row: Visitor) -> Answer:
    frame = pd.DataFrame([row.model_dump()])
    return Answer(propensity=pipeline.predict_proba(frame)[0, 1])
