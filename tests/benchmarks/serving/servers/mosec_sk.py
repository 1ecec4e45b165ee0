"""mosec and the scikit-learn pipeline; requests that wait are scored in one batch."""

import os

import joblib
import pandas as pd
from mosec import Server, Worker


class Churn(Worker):
    def __init__(self):
        self.pipeline = joblib.load(os.environ["PEER_PIPELINE"])

    def forward(self, data):
        return [{"propensity": p} for p in self.pipeline.predict_proba(pd.DataFrame(data))[:, 1].tolist()]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Churn, num=1, max_batch_size=64, max_wait_time=1)
    server.run()
