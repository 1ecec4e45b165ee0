"""Tokenizers of language models, each against its other implementation, and in one package with a model."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_core.dsl import from_dsl
from rtml_core.errors import ColumnError, ParamError
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.text.bert import CASES
from tests.unit.plugins.text.language_models import VOCABULARY, sentencepiece_model, text_model

ALPHABET = (
    "abcxyzABC\u00c9\u00e9\u00df\u03a3\u03c3\u65e5\u30c6\ud55c ,.-'"
    "\u0130\u0131\u212a\u0301\u0302\u00ad\u200b\t\n\u2028\u00a0\U0001f600"
)


def rows() -> pd.DataFrame:
    """What is delicate, random characters, random words."""
    rng = random.Random(0)
    words = ["Unaffable", "playing", "HELLO", "world!", "Caf\u00e9", "\u039f\u0394\u039f\u03a3", "zq"]
    made = ["".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 50))) for _ in range(150)]
    said = [" ".join(rng.choice(words) for _ in range(rng.randint(0, 30))) for _ in range(60)]
    return pd.DataFrame({"text": [*CASES, *made, *said]})


def bert(**options: Any) -> op.BertTokenizer:
    return op.BertTokenizer(**{"column": "text", "vocabulary": VOCABULARY, "max_length": 16, **options})


def tokens(node: op.BertTokenizer, text: str) -> list[str]:
    row = node.process(pd.DataFrame({"text": [text]})).data.iloc[0]
    found = [VOCABULARY[row[name]] for name in node.params.names("input_ids")]
    return found[: int(sum(row[name] for name in node.params.names("attention_mask")))]


# ---- BERT ------------------------------------------------------------------------------------------------------------


def test_words_become_the_longest_pieces_from_their_start() -> None:
    assert tokens(bert(), "UNAFFABLE playing!") == ["[CLS]", "un", "##aff", "##able", "play", "##ing", "!", "[SEP]"]


def test_a_word_that_the_pieces_do_not_cover_is_unknown_as_a_whole() -> None:
    assert tokens(bert(), "play\u20ac world \U0001f600") == ["[CLS]", "[UNK]", "world", "[UNK]", "[SEP]"]
    assert tokens(bert(), "a" * 101) == ["[CLS]", "[UNK]", "[SEP]"]


def test_ideographs_and_punctuation_stand_alone_and_accents_go() -> None:
    assert tokens(bert(), "h\u00e9llo\u65e5\u672c,") == ["[CLS]", "hello", "\u65e5", "\u672c", ",", "[SEP]"]
    assert tokens(bert(lowercase=False), "Hello hello") == ["[CLS]", "[UNK]", "hello", "[SEP]"]


def test_long_texts_are_cut_and_a_special_piece_in_a_text_is_text() -> None:
    assert tokens(bert(max_length=4), "good good good good") == ["[CLS]", "good", "good", "[SEP]"]
    assert "[MASK]" not in tokens(bert(), "[MASK]")


@pytest.mark.parametrize("lowercase", [True, False])
def test_bert_compiles_to_the_same(lowercase: bool) -> None:
    assert assert_parity(bert(lowercase=lowercase, types="token_type_ids"), rows(), nullable=False) < 50


def test_a_vocabulary_file_is_read_once_and_travels_in_the_graph(tmp_path: Path) -> None:
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    graph = op.Receiver(schema={"text": "string"}) >> bert(vocabulary=None, vocab_file=str(file))
    file.unlink()
    again = from_dsl(json.loads(json.dumps(graph.to_dsl())))
    frame = pd.DataFrame({"text": ["hello world"]})
    pd.testing.assert_frame_equal(again.run(frame), graph.run(frame))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": ["a"]}, r"must hold the special piece '\[UNK\]'"),
        ({"vocabulary": [*VOCABULARY, "the"]}, "'the' is there twice"),
        ({"vocabulary": None}, "'vocabulary' or 'vocab_file' must say"),
        ({"vocabulary": None, "vocab_file": "nowhere.txt"}, "'vocab_file' must be a readable file"),
        ({"max_length": 2}, "from 3 to 4096; got 2"),
        ({"mask": "input_ids"}, "must be different names"),
    ],
)
def test_bert_says_what_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        bert(**options)


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ColumnError, match="'text' is missing in 1 row"):
        bert().process(pd.DataFrame({"text": ["a", None]}))
    with pytest.raises(ColumnError, match="'text' is a int64, and BertTokenizer takes texts"):
        bert().process(pd.DataFrame({"text": [1]}))
    with pytest.raises(ColumnError, match="'input_ids_0' is there already"):
        bert().process(pd.DataFrame({"text": ["a"], "input_ids_0": [1]}))
    assert_refuses(bert(), pd.DataFrame({"text": ["a"]}), "may be missing", "fillna", nullable=True)


# ---- tokenizer.json --------------------------------------------------------------------------------------------------


def tokenizer_json(**parts: Any) -> dict[str, Any]:
    """As the tokenizers library writes that of a BERT model."""
    special = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0",
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [*special, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: number for number, piece in enumerate(VOCABULARY)},
        },
        **parts,
    }


def test_a_tokenizer_json_of_word_pieces_is_bert(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(tokenizer_json()), encoding="utf-8")
    node = op.HfJsonTokenizer(column="text", tokenizer_file=str(file), max_length=16)
    pd.testing.assert_frame_equal(node.process(rows()).data, bert().process(rows()).data)
    assert_parity(node, rows(), nullable=False)
    old = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    assert tokens(op.HfJsonTokenizer(column="text", tokenizer=tokenizer_json(post_processor=old)), "good")[-1] == "[SEP]"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": {"type": "BPE"}}, "the type 'BPE' in its 'model'.* take a model with a WordPiece or SentencePiece"),
        ({"model": {"type": "Unigram"}}, "spiece.model"),
        ({"normalizer": None}, "the type None in its 'normalizer'"),
        ({"normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": False}}, "strip_accents=False"),
        ({"normalizer": {"type": "BertNormalizer", "clean_text": False}}, "clean_text=false"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "the type 'Whitespace' in its 'pre_tokenizer'"),
        ({"post_processor": {"type": "TemplateProcessing", "single": []}}, "only one special piece before and one behind"),
    ],
)
def test_what_a_tokenizer_json_has_besides_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        op.HfJsonTokenizer(column="text", tokenizer=tokenizer_json(**parts))


# ---- SentencePiece ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [("unigram", {}), ("unigram", {"byte_fallback": True, "vocab_size": 320}), ("bpe", {}), ("char", {})],
    ids=str,
)
def test_sentencepiece_compiles_to_its_own_library(kind: str, options: dict[str, Any]) -> None:
    model = sentencepiece_model(kind, **options)
    for frame in ({}, {"first": True}, {"last": False, "padding": 3}, {"first": True, "last": False, "mask": None}):
        node = op.SentencePieceTokenizer(column="text", model=model, max_length=12, **frame)
        assert assert_parity(node, rows(), nullable=False) < 30


def test_sentencepiece_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "spiece.model"
    file.write_bytes(base64.b64decode(sentencepiece_model(bos_id=-1)))
    assert op.SentencePieceTokenizer(column="text", model_file=str(file)).params.model_file is None
    with pytest.raises(ParamError, match="SentencePieceTokenizer: parameter 'first' must be false: the model has no such piece"):
        op.SentencePieceTokenizer(column="text", model_file=str(file), first=True)
    with pytest.raises(ParamError, match="must be a SentencePiece model as base64"):
        op.SentencePieceTokenizer(column="text", model="????")
    with pytest.raises(ParamError, match="'model' or 'model_file' must say"):
        op.SentencePieceTokenizer(column="text")


# ---- with a model, in one package ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [16, "L"])
def test_text_to_score_in_one_package(tmp_path: Path, length: int | str) -> None:
    model = op.ONNXNode(path=text_model(tmp_path / "m.onnx", len(VOCABULARY), length))
    compiled = (op.Receiver(schema={"text": "string"}) >> bert() >> model).compile(rows())
    assert compiled.report.rows > 500
    good, bad = compiled.score([{"text": "Good phone!"}, {"text": "bad"}])
    assert 0 < good["score"] < 1
    assert good["score"] != bad["score"]
    assert compiled.manifest.portable
    assert compiled.score([]) == []


def test_sentencepiece_to_score_in_one_package(tmp_path: Path) -> None:
    node = op.SentencePieceTokenizer(column="text", model=sentencepiece_model(), max_length=10)
    model = op.ONNXNode(path=text_model(tmp_path / "m.onnx", 80, 10))
    compiled = (op.Receiver(schema={"text": "string"}) >> node >> model).compile(rows())
    assert np.isfinite(compiled.score([{"text": "hello fox"}])[0]["score"])
    assert compiled.score([]) == []
