"""Operators for texts: extracting, replacing, joining, splitting, hashing, tokenizers of language models, TF-IDF."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """The operators of texts."""
    from rtml_plugins.text.bert import BertTokenizer
    from rtml_plugins.text.hf_json import HfJsonTokenizer
    from rtml_plugins.text.normalize import TextNormalize
    from rtml_plugins.text.pieces import TextHash, TextJoin, TextSplit
    from rtml_plugins.text.regex_ops import RegexExtract, RegexReplace
    from rtml_plugins.text.sentencepiece import SentencePieceTokenizer
    from rtml_plugins.text.tf_idf import TfIdf

    return [
        TextNormalize,
        RegexExtract,
        RegexReplace,
        TextJoin,
        TextSplit,
        TextHash,
        TfIdf,
        BertTokenizer,
        SentencePieceTokenizer,
        HfJsonTokenizer,
    ]
