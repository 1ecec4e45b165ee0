"""Operators for texts: extracting, replacing, joining, splitting, hashing, tokenizers of language models, TF-IDF."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """BertTokenizer, SentencePieceTokenizer, HfJsonTokenizer."""
    from rtml_plugins.text.bert import BertTokenizer
    from rtml_plugins.text.hf_json import HfJsonTokenizer
    from rtml_plugins.text.sentencepiece import SentencePieceTokenizer

    return [BertTokenizer, SentencePieceTokenizer, HfJsonTokenizer]
