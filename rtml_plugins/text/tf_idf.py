"""TfIdf: how much each term of a learned vocabulary says about a text."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from rtml_core import Operator, Params, doc
from rtml_core.errors import NotFittedError, ParamError
from rtml_plugins.text.common import require_free, text_column, text_values

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_core.lowering.tokens import Reading

#: texts that other tokenizers cut or fold differently
_CASES = (
    *(
        "",
        " ",
        "\u0130stanbul \u0130",
        "Stra\u00dfe STRASSE \u1e9e",
        "\u039f\u0394\u039f\u03a3 \u0391\u03a3'\u0392",
        "\u212aelvin",
    ),
    *(
        "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8",
        "caf\u00e9 cafe\u0301 CAF\u00c9",
        "\u0661\u0662\u0663 \uff11\uff12",
        "a\u00a0b\u2028c",
    ),
)


class TfIdfParams(Params):
    """See TfIdf."""

    column: Annotated[str, doc("The column of texts.", "a column name")]
    max_terms: Annotated[int | None, doc("How many terms are kept, those that stand most often; null for all.")] = 1000
    min_count: Annotated[int, doc("A term must stand in that many texts of the training.")] = 1
    max_share: Annotated[float, doc("A term must stand in at most this share of them, above 0 and up to 1.")] = 1.0
    terms: Annotated[
        tuple[int, int], doc("Least and largest number of words in a term: [1, 2] counts pairs of neighbours, too.")
    ] = (1, 1)
    pattern: Annotated[str, doc("What a word is, a regular expression.")] = r"\w\w+"
    lowercase: Annotated[bool, doc("Whether texts are read in lower case.")] = True
    accents: Annotated[
        Literal["ascii", "unicode"] | None,
        doc("Accents are taken off: 'unicode' keeps letters of all scripts, 'ascii' drops what is not ASCII then."),
    ] = None
    stop_words: Annotated[str | list[str] | None, doc('Words to leave out: a list, or "english".')] = None
    sublinear: Annotated[bool, doc("1 + log of a count in its place.")] = False
    idf: Annotated[bool, doc("Counts are weighted by how rare the term is; else they are plain counts.")] = True
    norm: Annotated[Literal["l1", "l2"] | None, doc("The norm that every row gets, or null for none.")] = "l2"
    prefix: Annotated[str | None, doc("Before the names of the new columns; by default <column>_.")] = None

    def validate(self) -> None:
        if not 1 <= self.terms[0] <= self.terms[1]:
            raise ParamError(
                f"parameter 'terms' must be a least and a largest number of words, from 1 on; got {list(self.terms)!r}"
            )
        if self.max_terms is not None and self.max_terms < 1:
            raise ParamError(f"parameter 'max_terms' must be 1 or more, or null; got {self.max_terms}")
        if self.min_count < 1:
            raise ParamError(f"parameter 'min_count' must be 1 or more; got {self.min_count}")
        if not 0 < self.max_share <= 1:
            raise ParamError(f"parameter 'max_share' must be above 0 and up to 1; got {self.max_share}")
        if isinstance(self.stop_words, str) and self.stop_words != "english":
            raise ParamError(f"parameter 'stop_words' must be a list of words or 'english'; got {self.stop_words!r}")
        try:
            groups = re.compile(self.pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ParamError(f"parameter 'pattern' must be a regular expression; got {self.pattern!r} ({error})") from None
        if groups:
            raise ParamError(f"parameter 'pattern' must be without groups, (?:...) instead of (...); got {self.pattern!r}")


class TfIdf(Operator):
    """A number for each term of a vocabulary: how often it stands in the text, more for rare terms, the row brought to a norm.

    One string column, never missing -> float64 columns <column>_<term>, 0 and more, in its place. Terms are words, or several
    neighbours joined by blanks. `fit` learns which terms there are and their weights, log((1 + n) / (1 + df)) + 1 for a term
    that stands in df of n texts (G. Salton and C. Buckley, Term-weighting approaches in automatic text retrieval, 1988, with
    scikit-learn's smoothing); they travel in the graph, and scikit-learn is not needed for scoring. Case and characters are
    Python's, for all of Unicode. The same as scikit-learn's TfidfVectorizer, whose further options a ScikitLearn node has.
    """

    Params = TfIdfParams
    learns = True
    tolerance = (1e-12, 1e-14)
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string", rows=40)
        return [(cls(column="title").fit(rows), rows)]

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn vocabulary and weights. Raises ColumnError, and ParamError when no term is left."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        p = self.params
        learner = TfidfVectorizer(
            max_features=p.max_terms,
            min_df=p.min_count,
            max_df=p.max_share,
            ngram_range=p.terms,
            token_pattern=p.pattern,
            lowercase=p.lowercase,
            strip_accents=p.accents,
            stop_words=p.stop_words,
        )
        try:
            learner.fit(text_values(frame, p.column, self.name))
        except ValueError as error:
            raise ParamError(f"{self.name}: there is no term to learn: {error}") from None
        terms = [str(term) for term in learner.get_feature_names_out()]
        stop = sorted(str(word) for word in learner.get_stop_words() or ())
        self.state = {"terms": terms, "idf": [float(weight) for weight in learner.idf_], "stop_words": stop}
        return self

    def _learned(self) -> dict[str, Any]:
        if self.state is None:
            raise NotFittedError(f"{self.name} has to learn first: call fit(frame), or graph.fit(train)")
        return self.state

    @property
    def names(self) -> list[str]:
        """The new columns."""
        prefix = self.params.prefix if self.params.prefix is not None else f"{self.params.column}_"
        return [f"{prefix}{term}" for term in self._learned()["terms"]]

    def counts(self, text: str) -> Counter[str]:
        """How often each term stands in a text."""
        from rtml_core.lowering.characters import accents_off

        p, state = self.params, self._learned()
        text = accents_off(text.lower() if p.lowercase else text, p.accents)
        stop = frozenset(state["stop_words"])
        words = [word for word in re.findall(p.pattern, text) if word not in stop]
        low, high = p.terms
        return Counter(" ".join(words[at : at + n]) for n in range(low, high + 1) for at in range(len(words) - n + 1))

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        p, state = self.params, self._learned()
        rest = frame.drop(columns=p.column, errors="ignore")
        require_free(self.names, map(str, rest.columns), "choose another prefix")
        found = [self.counts(text) for text in text_values(frame, p.column, self.name)]
        x = np.array([[row[term] for term in state["terms"]] for row in found], dtype=np.float64)
        x = x.reshape(len(frame), len(state["terms"]))
        if p.sublinear:
            x = np.where(x > 0, 1 + np.log(np.maximum(x, 1)), 0)
        if p.idf:
            x = x * np.array(state["idf"])
        if p.norm is not None:
            size = np.abs(x).sum(axis=1) if p.norm == "l1" else np.sqrt((x * x).sum(axis=1))
            x = x / np.where(size == 0, 1, size)[:, None]
        return pd.concat([rest, pd.DataFrame(x, columns=self.names, index=frame.index)], axis=1)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.grams import tfidf, word_counts
        from rtml_core.lowering.sparse import Weighted, note
        from rtml_core.lowering.symbolic import unpack

        p, state = self.params, self._learned()
        column = text_column(columns, p.column, self.name)
        rest = {name: other for name, other in columns.items() if name != p.column}
        require_free(self.names, rest, "choose another prefix")
        vocabulary = {term: at for at, term in enumerate(state["terms"])}
        counted = word_counts(b, column, self._reading(), vocabulary, p.terms, state["stop_words"])
        weights = state["idf"] if p.idf else None
        values = tfidf(b, b.cast(counted, "float64"), weights, p.norm, sublinear=p.sublinear)
        note(values, Weighted(counted, None if weights is None else tuple(weights), p.norm, p.sublinear))
        return {**rest, **dict(zip(self.names, unpack(values, "float64"), strict=True))}

    def _reading(self) -> Reading:
        from rtml_core.lowering.tokens import Reading

        return Reading(self.params.pattern, self.params.lowercase, self.params.accents)

    def parity_cases(self) -> pd.DataFrame | None:
        """Terms in other cases and next to each other, and texts that other tokenizers cut or fold differently."""
        import pandas as pd

        terms = self._learned()["terms"][:500]
        cased = [case(term) for case in (str.upper, str.title, str.swapcase) for term in terms[::3]]
        pairs = [f"{one} {two}, {one}" for one, two in zip(terms, reversed(terms), strict=True)]
        kelvin = [term.replace("k", "\u212a").replace("i", "\u0130") for term in terms if set(term) & {"k", "i"}]
        return pd.DataFrame({self.params.column: [*_CASES, *terms, *cased, *pairs, *kelvin]})
