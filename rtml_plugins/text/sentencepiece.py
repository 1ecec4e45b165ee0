"""SentencePieceTokenizer: texts to the numbers of a SentencePiece model."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, doc
from rtml_core.errors import ParamError, RtmlError
from rtml_plugins.text.bert import CASES, TokenizerParams, numbered_columns, with_numbers
from rtml_plugins.text.common import text_column, text_values

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class SentencePieceTokenizerParams(TokenizerParams):
    """See SentencePieceTokenizer."""

    model: Annotated[str | None, doc("The model as base64; from 'model_file' where that is given.", "base64 text")] = None
    model_file: Annotated[str | None, doc("A file spiece.model, read at once, in place of 'model'.", "a path")] = None
    first: Annotated[bool, doc("The model's beginning of a sentence before each text.")] = False
    last: Annotated[bool, doc("The model's end of a sentence behind each text.")] = True
    padding: Annotated[int, doc("The number that fills short texts.")] = 0

    def validate(self) -> None:
        super().validate()
        if (self.model is None) == (self.model_file is None):
            raise ParamError("parameter 'model' or 'model_file' must say which model, one of them")
        if self.model_file is not None:
            try:
                data = Path(self.model_file).read_bytes()
            except OSError as error:
                raise ParamError(f"parameter 'model_file' must be a readable file; got {self.model_file!r} ({error})") from None
            self.model, self.model_file = base64.b64encode(data).decode("ascii"), None
        if self.padding < 0:
            raise ParamError(f"parameter 'padding' must be 0 or more; got {self.padding}")


@lru_cache(maxsize=4)
def processor(model: str) -> Any:
    """The model opened by the library of SentencePiece; RtmlError when it is not installed, ParamError for no model."""
    try:
        import sentencepiece
    except ImportError:
        raise RtmlError(
            "SentencePieceTokenizer needs the package sentencepiece when authoring (a compiled package does not):"
            ' pip install "rtml[text]"'
        ) from None
    try:
        data = base64.b64decode(model, validate=True)
        return sentencepiece.SentencePieceProcessor(model_proto=data)
    except (binascii.Error, RuntimeError, ValueError) as error:
        raise ParamError(f"parameter 'model' must be a SentencePiece model as base64; it can't be opened ({error})") from None


class SentencePieceTokenizer(Operator):
    """Texts -> numbers of the pieces of a SentencePiece model (unigram, BPE, characters), as T5, ALBERT or Llama have one.

    One string column, never missing -> `max_length` int64 columns <ids>_0, <ids>_1, ...: the pieces of the text between the
    model's marks of beginning and end, where asked for, then padding; and as many columns <mask>_0, ... of 1, 0 at padding.
    The text column stays. An ONNXNode takes them as its inputs of these names. The model travels in the graph.

    Authoring needs the package sentencepiece (`rtml[text]`), which is the reference; a compiled package has the tokenizer of
    onnxruntime-extensions inside and needs nothing.
    """

    Params = SentencePieceTokenizerParams
    lowering_kind = "extension"

    def setup(self) -> None:
        """Open the model. Raises ParamError, RtmlError."""
        p = self.params
        try:
            found = processor(p.model)
            self.first = _special(found.bos_id(), "first") if p.first else None
            self.last = _special(found.eos_id(), "last") if p.last else None
        except RtmlError as error:
            raise type(error)(f"{self.name}: {error}") from None
        self.body = p.max_length - (self.first is not None) - (self.last is not None)

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        p = self.params
        ids = np.full((len(frame), p.max_length), p.padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(text_values(frame, p.column, self.name)):
            pieces = processor(p.model).encode(text)[: self.body]
            numbers = [*_listed(self.first), *pieces, *_listed(self.last)]
            ids[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        return with_numbers(frame, p, ids, mask)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.builder import EXT
        from rtml_core.lowering.symbolic import value_of
        from rtml_core.lowering.tokens import require_there
        from rtml_plugins.text.lowered.sequences import dense, framed

        p = self.params
        column = text_column(columns, p.column, self.name)
        require_there(column)
        texts = b.op("Reshape", value_of(b, column), b.const([-1], "int64"), shape=["N"])
        off = b.const([False], "bool")
        settings = b.const([0], "int64"), b.const([0.0], "float32"), off, off, off
        flat, splits = b.multi(
            "SentencepieceTokenizer",
            texts,
            *settings,
            dtypes=["int32", "int64"],
            shapes=[[None], [None]],
            domain=EXT,
            model=p.model,
        )
        body = dense(b, b.cast(flat, "int64"), splits, self.body)
        ids, mask = framed(b, body, p.max_length, self.first, self.last, p.padding)
        return numbered_columns(b, columns, p, ids, mask)

    def parity_cases(self) -> pd.DataFrame | None:
        """Texts that tokenizers cut or fold differently, and some with pieces of the model."""
        import pandas as pd

        found = processor(self.params.model)
        pieces = [found.id_to_piece(at) for at in range(min(found.vocab_size(), 2000))]
        step = max(len(pieces) // 40, 1)
        made = ["".join(pieces[at : at + 12]).replace("\u2581", " ") for at in range(0, len(pieces), step)]
        return pd.DataFrame({self.params.column: [text.replace("\x00", "") for text in (*CASES, *made)]})


def _special(number: int, parameter: str) -> int:
    if number < 0:
        raise ParamError(f"parameter '{parameter}' must be false: the model has no such piece")
    return number


def _listed(number: int | None) -> list[int]:
    return [] if number is None else [number]
