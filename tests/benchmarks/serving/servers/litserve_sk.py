"""LitServe and the scikit-learn pipeline."""

import os

import joblib
import litserve as ls
import pandas as pd


class Churn(ls.LitAPI):
    def setup(self, device):
        self.pipeline = joblib.load(os.environ["PEER_PIPELINE"])

    def decode_request(self, request):
        return pd.DataFrame([request])

    def predict(self, frame):
        return self.pipeline.predict_proba(frame)[0, 1]

    def encode_response(self, output):
        return {"propensity": float(output)}


if __name__ == "__main__":
    server = ls.LitServer(Churn(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(os.environ["PEER_PORT"]), num_api_servers=1, generate_client_file=False, log_level="error"
    )
