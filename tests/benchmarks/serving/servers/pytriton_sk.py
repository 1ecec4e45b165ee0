"""PyTriton and the scikit-learn pipeline: requests that wait are scored in one batch."""

import os

import joblib
import numpy as np
import pandas as pd
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

NUMBERS = ("age", "km", "quote")
TEXTS = ("seen_at", "gender", "brand", "car_type", "country")
pipeline = joblib.load(os.environ["PEER_PIPELINE"])


@batch
def infer(**columns: np.ndarray) -> dict[str, np.ndarray]:
    """Columns [N, 1] -> probabilities [N, 1]. Triton's JSON has no missing value: the client sends -1 or an empty text."""
    frame = {name: np.where(columns[name][:, 0] < 0, np.nan, columns[name][:, 0]) for name in NUMBERS}
    frame |= {name: [text.decode() for text in columns[name][:, 0]] for name in TEXTS}
    return {"propensity": pipeline.predict_proba(pd.DataFrame(frame))[:, 1:]}


port = int(os.environ["PEER_PORT"])
config = TritonConfig(http_address="127.0.0.1", http_port=port, allow_grpc=False, allow_metrics=False, log_verbose=0)
with Triton(config=config) as triton:
    triton.bind(
        model_name="churn",
        infer_func=infer,
        inputs=[
            *(Tensor(name=name, dtype=np.float64, shape=(1,)) for name in NUMBERS),
            *(Tensor(name=name, dtype=np.bytes_, shape=(1,)) for name in TEXTS),
        ],
        outputs=[Tensor(name="propensity", dtype=np.float64, shape=(1,))],
        config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=0)),
    )
    triton.serve()
