"""KServe's SDK and the scikit-learn pipeline, over its V1 protocol."""

import os

import joblib
import pandas as pd
from kserve import Model, ModelServer


class Churn(Model):
    def __init__(self):
        super().__init__("churn")
        self.pipeline = joblib.load(os.environ["PEER_PIPELINE"])
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        frame = pd.DataFrame(payload["instances"])
        return {"predictions": self.pipeline.predict_proba(frame)[:, 1].tolist()}


if __name__ == "__main__":
    ModelServer(http_port=int(os.environ["PEER_PORT"]), enable_grpc=False, workers=1).start([Churn()])
