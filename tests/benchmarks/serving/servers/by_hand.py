"""What all servers with ONNX Runtime by hand share: the session, and a row packed into the tensors of the compiled graph.

Packed without a detour: one array a tensor, one call of the session, one thread, sequential.
"""

import os

import numpy as np
import onnxruntime as ort

#: how the graph spells a missing string
MISSING = "\ufdd0"


def open_session() -> ort.InferenceSession:
    """The session, as onnxruntime's own advice for one core has it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(os.environ["PEER_MODEL"], options, providers=["CPUExecutionProvider"])


session = open_session()


def score(age, km, quote, seen_at, gender, brand, car_type, country):
    """Probability of buying: age or None, km, quote, a datetime with a zone, four texts or None."""
    texts = (gender, brand, car_type, country)
    feed = {
        "float64": np.array(((np.nan if age is None else age, km, quote),), np.float64),
        "int64": np.array(((int(seen_at.timestamp()) * 1_000_000 + seen_at.microsecond,),), np.int64),
        "string": np.array(([MISSING if text is None else text for text in texts],), np.object_),
    }
    return session.run(["propensity"], feed)[0].item()
