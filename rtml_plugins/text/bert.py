"""BertTokenizer: texts to the numbers that BERT models take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError
from rtml_plugins.text.common import require_free, text_column, text_values
from rtml_plugins.text.wordpiece import vocabulary_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: texts that other tokenizers cut or fold differently
CASES = (
    "",
    " ",
    "Hello, world!",
    "don't re-use e-mail@host.example #1",
    "Stra\u00dfe CAF\u00c9 na\u00efve \u0130stanbul \u039f\u0394\u039f\u03a3",
    "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4 \U00020000x",
    "a\u00a0b\u2003c\u2028d\te\nf\u200bg\u00adh\ufffdi\u0001j",
    "e\u0301\u0302 \u0958 \ufb01 \u212a \uff21 \u00bf\u3002\u2014\u20ac",
    "x" * 101,
    "x" * 100,
    "[CLS] [SEP] [MASK] [UNK]",
    "\U0001f600 \U0001f469\u200d\U0001f4bb \ue000",
)


class TokenizerParams(Params):
    """What all tokenizers have."""

    column: Annotated[str, doc("The column of texts.", "a column name")]
    max_length: Annotated[int, doc("How many numbers a row gets: longer texts are cut, shorter ones padded.")] = 128
    ids: Annotated[str, doc("Name of the new columns of numbers: <ids>_0, <ids>_1, ...", "a name")] = "input_ids"
    mask: Annotated[str | None, doc("Name of the new columns that are 1, and 0 at padding; null for none.", "a name or null")] = (
        "attention_mask"
    )
    types: Annotated[str | None, doc("Name of new columns of zeros, for models that take token types; null for none.")] = None

    def validate(self) -> None:
        if not 3 <= self.max_length <= 4096:
            raise ParamError(f"parameter 'max_length' must be from 3 to 4096; got {self.max_length}")
        names = [name for name in (self.ids, self.mask, self.types) if name is not None]
        if len(set(names)) < len(names):
            raise ParamError(f"parameters 'ids', 'mask' and 'types' must be different names; got {names!r}")

    def names(self, stem: str) -> list[str]:
        """The columns of one kind."""
        return [f"{stem}_{at}" for at in range(self.max_length)]

    @property
    def stems(self) -> list[str]:
        """Kinds of new columns, in order."""
        return [name for name in (self.ids, self.mask, self.types) if name is not None]


class BertTokenizerParams(TokenizerParams):
    """See BertTokenizer."""

    vocabulary: Annotated[list[str] | None, doc("The pieces, in order; a piece that goes on a word begins with ##.")] = None
    vocab_file: Annotated[
        str | None, doc("A file with a piece a line (vocab.txt), read at once, in place of 'vocabulary'.", "a path")
    ] = None
    lowercase: Annotated[bool, doc("Texts in lower case and without accents, as the 'uncased' models have it.")] = True
    unknown: Annotated[str, doc("The piece of a word that the pieces don't cover.")] = "[UNK]"
    first: Annotated[str, doc("The piece before a text.")] = "[CLS]"
    last: Annotated[str, doc("The piece behind a text.")] = "[SEP]"
    padding: Annotated[str, doc("The piece that fills short texts.")] = "[PAD]"

    def validate(self) -> None:
        super().validate()
        if (self.vocabulary is None) == (self.vocab_file is None):
            raise ParamError("parameter 'vocabulary' or 'vocab_file' must say which pieces there are, one of them")
        if self.vocab_file is not None:
            try:
                text = Path(self.vocab_file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ParamError(f"parameter 'vocab_file' must be a readable file; got {self.vocab_file!r} ({error})") from None
            self.vocabulary, self.vocab_file = text.removesuffix("\n").split("\n"), None


class BertTokenizer(Operator):
    """Texts -> numbers of word pieces, as BERT models and those derived from it (DistilBERT, MiniLM, BGE, E5) take them.

    One string column, never missing -> `max_length` int64 columns <ids>_0, <ids>_1, ...: the first piece [CLS], the text's
    pieces, [SEP], then padding; and as many int64 columns <mask>_0, ... that are 1 up to [SEP] and 0 at padding. The text
    column stays. An ONNXNode takes them as its inputs of these names. The vocabulary travels in the graph.

    The algorithm is that of the published BERT: control characters dropped, words cut at blanks, punctuation and CJK
    characters, a word covered by the longest pieces from its start, or [UNK]. Every character is put into lower case by
    itself. A special piece written out in a text is text.
    """

    Params = BertTokenizerParams
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##a", "##1", ",", "e", "null"]
        return [(cls(column="title", vocabulary=pieces, max_length=8), frame(title="string", rows=40))]

    def setup(self) -> None:
        """Check the pieces. Raises ParamError."""
        p = self.params
        try:
            self.vocabulary = vocabulary_of(p.vocabulary, p.unknown, p.first, p.last, p.padding, "##")
        except ParamError as error:
            raise ParamError(f"{self.name}: {error}") from None
        self.lowercase = p.lowercase

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        from rtml_plugins.text.wordpiece import encode

        p = self.params
        texts = text_values(frame, p.column, self.name)
        found = [encode(text, self.vocabulary, p.max_length, self.lowercase) for text in texts]
        ids = np.array([numbers for numbers, _ in found], dtype=np.int64).reshape(len(frame), p.max_length)
        counts = np.array([count for _, count in found], dtype=np.int64)
        mask = (np.arange(p.max_length) < counts[:, None]).astype(np.int64)
        return with_numbers(frame, p, ids, mask)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.text.lowered.wordpiece import wordpiece_ids

        column = text_column(columns, self.params.column, self.name)
        ids, mask = wordpiece_ids(b, column, self.vocabulary, self.params.max_length, self.lowercase)
        return numbered_columns(b, columns, self.params, ids, mask)

    def parity_cases(self) -> pd.DataFrame | None:
        """Texts that other tokenizers cut or fold differently, and some with pieces of the vocabulary."""
        import pandas as pd

        pieces = [piece.removeprefix("##") for piece in self.vocabulary.pieces[:2000]]
        made = ["".join(pieces[at :: max(len(pieces) // 7, 1)][:9]) for at in range(0, len(pieces), max(len(pieces) // 40, 1))]
        spaced = [" ".join(pieces[at : at + 150]).title() for at in range(0, len(pieces), max(len(pieces) // 20, 1))]
        texts = [text.replace("\x00", "") for text in (*CASES, *made, *spaced)]
        return pd.DataFrame({self.params.column: texts})


def with_numbers(frame: pd.DataFrame, params: TokenizerParams, ids: object, mask: object) -> pd.DataFrame:
    """The frame with the new columns behind."""
    import numpy as np
    import pandas as pd

    parts = [frame]
    require_free([name for stem in params.stems for name in params.names(stem)], map(str, frame.columns), "choose another name")
    arrays = {params.ids: ids, params.mask: mask, params.types: np.zeros_like(mask)}
    for stem in params.stems:
        parts.append(pd.DataFrame(arrays[stem], columns=params.names(stem), index=frame.index))
    return pd.concat(parts, axis=1)


def numbered_columns(
    b: Builder, columns: dict[str, Symbolic], params: TokenizerParams, ids: object, mask: object
) -> dict[str, Symbolic]:
    """The same of symbolic columns; each kind is one packed tensor [N, max_length]."""
    from rtml_core.lowering.symbolic import unpack

    require_free([name for stem in params.stems for name in params.names(stem)], columns, "choose another name")
    result = dict(columns)
    for stem in params.stems:
        tensor = ids if stem == params.ids else mask
        if stem == params.types:
            tensor = b.op("Mul", mask, b.const(0, "int64"))  # type: ignore[arg-type]
        result.update(zip(params.names(stem), unpack(tensor, "int64"), strict=True))  # type: ignore[arg-type]
    return result
