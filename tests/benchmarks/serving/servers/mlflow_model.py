"""`python mlflow_model.py FOLDER`: keep the scikit-learn pipeline as an MLflow model that answers probabilities."""

import os
import sys

import joblib
import mlflow.sklearn
from mlflow.models import infer_signature

from tests.benchmarks import data

pipeline = joblib.load(os.environ["PEER_PIPELINE"])
rows = data.rows(100, seed=4)
mlflow.sklearn.save_model(
    pipeline,
    sys.argv[1],
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
    signature=infer_signature(rows, pipeline.predict_proba(rows)),
)
