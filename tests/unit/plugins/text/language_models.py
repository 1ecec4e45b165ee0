"""A tiny vocabulary, a tiny SentencePiece model and a tiny text model, all made here."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import sentencepiece
from onnx import TensorProto, helper, numpy_helper

_CHARACTERS = list("abcdefghijklmnopqrstuvwxyz0123456789.,!?-'#@[]\u00e9\u00df\u03c3\u03c2\u03b1\u65e5\u672c\u30c6")
_WORDS = ["the", "un", "##able", "##aff", "##ing", "play", "##ed", "hello", "world", "istanbul", "good", "bad", "phone"]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *_CHARACTERS,
    *(f"##{char}" for char in _CHARACTERS if char.isalnum()),
    *_WORDS,
]
TEXTS = [
    "the quick brown fox jumps over the lazy dog",
    "hello world this is a test",
    "stra\u00dfe caf\u00e9 na\u00efve \u65e5\u672c\u8a9e",
]


def sentencepiece_model(kind: str = "unigram", **options: object) -> str:
    """A SentencePiece model of some sixty pieces, as base64."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20),
        model_writer=written,
        vocab_size=options.pop("vocab_size", 50),
        model_type=kind,
        minloglevel=2,
        hard_vocab_limit=False,
        **options,
    )
    return base64.b64encode(written.getvalue()).decode("ascii")


def text_model(path: Path, pieces: int, length: int | str) -> str:
    """input_ids and attention_mask [N, length] -> score [N, 1]: the mean embedding of what the mask keeps, times weights."""
    rng = np.random.default_rng(0)
    constants = {
        "table": rng.normal(size=(pieces, 8)).astype(np.float32),
        "weights": rng.normal(size=(8, 1)).astype(np.float32),
        "axis": np.array([1]),
        "last": np.array([2]),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["wide"]),
        helper.make_node("Mul", ["embedded", "wide"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "axis"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["kept", "axis"], ["count"], keepdims=1),
        helper.make_node("Div", ["total", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "weights"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", length]) for name in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return str(path)
