"""Text vectorizers: exact for all Unicode, which takes more than their regular expressions pasted into another engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.sparse import Weighted, made_of, note
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.tokens import Reading

_TEXT: Final = "sklearn.feature_extraction.text"
#: dtypes in which counts are exact
_COUNTS: Final = (np.int64, np.int32, np.float64, np.float32)


@converts(f"{_TEXT}.CountVectorizer")
def count_vectorizer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """How often each term stands in the text."""
    if np.dtype(estimator.dtype) not in [np.dtype(kind) for kind in _COUNTS]:
        raise NotLowerableError(f"CountVectorizer counts in {np.dtype(estimator.dtype)}, which may overflow; leave dtype out")
    return unpack(_counts(b, estimator, columns), "float64")


@converts(f"{_TEXT}.TfidfVectorizer")
def tfidf_vectorizer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Counts, weighted and normed as by TfidfTransformer."""
    _require_double(estimator, estimator.dtype)
    return unpack(_weighted(b, _counts(b, estimator, columns), estimator._tfidf), "float64")


@converts(f"{_TEXT}.TfidfTransformer")
def tfidf_transformer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Counts -> tf-idf."""
    numbers(b, columns, estimator, missing=False)
    if estimator.use_idf:
        _require_double(estimator, estimator.idf_.dtype)
    if any(column.dtype != "float64" for column in columns) and any(column.dtype == "bool" for column in columns):
        raise NotLowerableError("TfidfTransformer takes counts; cast columns of true and false to float first")
    return unpack(_weighted(b, ordered(b, columns), estimator), "float64")


@converts(f"{_TEXT}.HashingVectorizer")
def hashing_vectorizer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Counts of terms in buckets."""
    from rtml_core.lowering.grams import tfidf
    from rtml_core.lowering.hashing import hashed_counts

    if estimator.analyzer != "word":
        raise NotLowerableError(
            f"HashingVectorizer(analyzer={estimator.analyzer!r}) has no ONNX form; hash words (analyzer='word')"
        )
    _require_double(estimator, estimator.dtype)
    counted = hashed_counts(
        b,
        _document(estimator, columns),
        _reading(estimator),
        int(estimator.n_features),
        _range(estimator),
        sorted(estimator.get_stop_words() or ()),
        signed=bool(estimator.alternate_sign),
        binary=bool(estimator.binary),
    )
    return unpack(tfidf(b, counted, None, estimator.norm), "float64")


def _counts(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    from rtml_core.lowering.grams import character_counts, word_counts

    column, reading = _document(estimator, columns), _reading(estimator)
    vocabulary = {str(term): int(at) for term, at in estimator.vocabulary_.items()}
    if estimator.analyzer == "word":
        stop = sorted(estimator.get_stop_words() or ())
        counted = word_counts(b, column, reading, vocabulary, _range(estimator), stop)
    else:
        counted = character_counts(
            b,
            column,
            vocabulary,
            _range(estimator),
            lowercase=reading.lowercase,
            accents=reading.accents,
            inside_words=estimator.analyzer == "char_wb",
        )
    if estimator.binary:
        counted = b.op("Min", counted, b.const(1.0, "float32"))
    wide = b.cast(counted, "float64")
    note(wide, Weighted(counted, None, None, False))
    return wide


def _weighted(b: Builder, counts: ir.Value, transformer: Any) -> ir.Value:
    from rtml_core.lowering.grams import tfidf

    idf = np.asarray(transformer.idf_, np.float64).tolist() if transformer.use_idf else None
    sublinear = bool(transformer.sublinear_tf)
    result = tfidf(b, counts, idf, transformer.norm, sublinear=sublinear)
    plain = made_of(unpack(counts, "float64"))
    if plain is not None and plain.idf is None and plain.norm is None and not plain.sublinear:
        note(result, Weighted(plain.counts, None if idf is None else tuple(idf), transformer.norm, sublinear))
    return result


def _require_double(estimator: Any, dtype: Any) -> None:
    if np.dtype(dtype) != np.float64:
        raise NotLowerableError(f"{type(estimator).__name__} computes in {np.dtype(dtype)}; leave dtype out, which means float64")


def _document(estimator: Any, columns: Columns) -> Symbolic:
    name = type(estimator).__name__
    if len(columns) != 1:
        raise NotLowerableError(
            f"{name} takes one column of texts; it gets {len(columns)}. Give each its own, in a ColumnTransformer"
        )
    column = columns[0]
    if column.dtype != "string":
        raise NotLowerableError(f"column '{columns.names[0]}' is a {column.dtype}, and {name} takes texts")
    if column.nullable:
        raise NotLowerableError(
            f"column '{columns.names[0]}' may be missing here, and {name} takes no missing texts. Fill it first, e.g."
            f' Pandas(import_="fillna", cols="{columns.names[0]}", kwargs={{"value": ""}}, inplace=True)'
        )
    return column


def _reading(estimator: Any) -> Reading:
    from rtml_core.lowering.tokens import Reading

    name = type(estimator).__name__
    if estimator.input != "content":
        raise NotLowerableError(f"{name}(input={estimator.input!r}) reads files; a compiled model takes the texts themselves")
    for option in ("analyzer", "tokenizer", "preprocessor", "strip_accents"):
        if callable(getattr(estimator, option)):
            raise NotLowerableError(
                f"{name}({option}=...) is a function, which can't be read as ONNX; use the built-in options, and do other steps"
                f" with operators before this one"
            )
    return Reading(estimator.token_pattern or "", bool(estimator.lowercase), estimator.strip_accents)


def _range(estimator: Any) -> tuple[int, int]:
    low, high = estimator.ngram_range
    return int(low), int(high)
