"""HfJsonTokenizer: a tokenizer.json of Hugging Face's tokenizers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from rtml_core import doc
from rtml_core.errors import ParamError
from rtml_plugins.text.bert import BertTokenizer, TokenizerParams
from rtml_plugins.text.wordpiece import MAX_CHARACTERS, Vocabulary, vocabulary_of

_INSTEAD = {
    "Unigram": "give the spiece.model beside it to SentencePieceTokenizer",
    "BPE": "take a model with a WordPiece or SentencePiece tokenizer",
    "WordLevel": "use ScikitLearn with a CountVectorizer, or Pandas 'map'",
}


class HfJsonTokenizerParams(TokenizerParams):
    """See HfJsonTokenizer."""

    tokenizer: Annotated[dict[str, Any] | None, doc("What the file tokenizer.json holds.", "an object")] = None
    tokenizer_file: Annotated[str | None, doc("The file tokenizer.json, read at once, in place of 'tokenizer'.", "a path")] = None

    def validate(self) -> None:
        super().validate()
        if (self.tokenizer is None) == (self.tokenizer_file is None):
            raise ParamError("parameter 'tokenizer' or 'tokenizer_file' must say which tokenizer, one of them")
        if self.tokenizer_file is not None:
            try:
                found = json.loads(Path(self.tokenizer_file).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise ParamError(
                    f"parameter 'tokenizer_file' must be a readable tokenizer.json; got {self.tokenizer_file!r} ({error})"
                ) from None
            if not isinstance(found, dict):
                raise ParamError(f"parameter 'tokenizer_file' must hold an object; {self.tokenizer_file!r} does not")
            self.tokenizer, self.tokenizer_file = found, None


class HfJsonTokenizer(BertTokenizer):
    """Texts -> numbers of pieces, by a tokenizer.json as Hugging Face's tokenizers write it, where that has an exact form.

    One string column, never missing -> `max_length` int64 columns <ids>_0, <ids>_1, ..., and as many columns <mask>_0, ...
    of 1, 0 at padding; see BertTokenizer. The text column stays, and the tokenizer travels in the graph.

    Taken is what BERT and those derived from it have: a WordPiece model behind a BertNormalizer and a BertPreTokenizer, with
    one special piece before and one behind the text. Anything else in the file is refused by name.
    """

    Params = HfJsonTokenizerParams  # type: ignore[assignment]

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##a", "##1", ",", "e", "null"]
        tokenizer = {
            "model": {"type": "WordPiece", "vocab": {piece: number for number, piece in enumerate(pieces)}},
            "normalizer": {"type": "BertNormalizer"},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
        }
        return [(cls(column="title", tokenizer=tokenizer, max_length=8), frame(title="string", rows=40))]

    def setup(self) -> None:
        """Read the tokenizer. Raises ParamError naming the part that has no exact form, and the cure."""
        try:
            self.vocabulary, self.lowercase = _read(self.params.tokenizer)
        except ParamError as error:
            raise ParamError(f"{self.name}: {error}") from None


def _read(tokenizer: Mapping[str, Any]) -> tuple[Vocabulary, bool]:
    model = _part(tokenizer, "model", ("WordPiece",))
    normalizer = _part(tokenizer, "normalizer", ("BertNormalizer",))
    _part(tokenizer, "pre_tokenizer", ("BertPreTokenizer",))
    lowercase = bool(normalizer.get("lowercase", True))
    accents = normalizer.get("strip_accents")
    if accents is not None and bool(accents) != lowercase:
        raise _refusal("normalizer", f"strip_accents={accents} with lowercase={lowercase}", "make both the same")
    for option in ("clean_text", "handle_chinese_chars"):
        if not normalizer.get(option, True):
            raise _refusal("normalizer", f"{option}=false", "only true has an exact form")
    if model.get("max_input_chars_per_word", MAX_CHARACTERS) != MAX_CHARACTERS:
        raise _refusal("model", f"max_input_chars_per_word={model['max_input_chars_per_word']}", "only 100 has an exact form")
    first, last = _specials(tokenizer)
    pieces = [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    if sorted(model["vocab"].values()) != list(range(len(pieces))):
        raise _refusal("model", "a vocabulary with gaps in its numbers", "number the pieces from 0 on")
    padding = (tokenizer.get("padding") or {}).get("pad_token", "[PAD]")
    prefix = model.get("continuing_subword_prefix", "##")
    if not prefix:
        raise _refusal("model", "no prefix for pieces that go on a word", "only a prefix such as ## has an exact form")
    return vocabulary_of(pieces, model.get("unk_token", "[UNK]"), first, last, padding, prefix), lowercase


def _part(tokenizer: Mapping[str, Any], name: str, kinds: tuple[str, ...]) -> Mapping[str, Any]:
    part = tokenizer.get(name) or {}
    kind = part.get("type")
    if kind not in kinds:
        raise _refusal(name, f"the type {kind!r}", _INSTEAD.get(str(kind), f"only {' or '.join(kinds)} has an exact form"))
    return part


def _specials(tokenizer: Mapping[str, Any]) -> tuple[str, str]:
    """The pieces before and behind a text."""
    part = _part(tokenizer, "post_processor", ("BertProcessing", "TemplateProcessing"))
    if part["type"] == "BertProcessing":
        return part["cls"][0], part["sep"][0]
    single = [next(iter(item.items())) for item in part.get("single", [])]
    kinds = [kind for kind, _ in single]
    if kinds != ["SpecialToken", "Sequence", "SpecialToken"]:
        raise _refusal(
            "post_processor", f"the template {kinds}", "only one special piece before and one behind has an exact form"
        )
    return single[0][1]["id"], single[2][1]["id"]


def _refusal(part: str, what: str, cure: str) -> ParamError:
    return ParamError(f"parameter 'tokenizer' has {what} in its '{part}', which has no exact form: {cure}")
