"""The operators TitleCase and Transliterate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from rtml_core import CustomOp, Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError
from rtml_lang.ops import TITLE_CASE, TRANSLITERATE

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class TextParams(Params):
    """What both operators have."""

    cols: Annotated[str | list[str], doc("The column or columns of texts.", "a column name or a list of them")]
    into: Annotated[
        str | list[str] | None, doc("Names of new columns, one for each of 'cols'; without them the texts are replaced in place.")
    ] = None

    def validate(self) -> None:
        for name, listed in (("cols", self.names), ("into", self.targets)):
            if not listed or len(set(listed)) < len(listed):
                raise ParamError(f"parameter '{name}' must name at least one column, each once; got {listed!r}")
        if len(self.names) != len(self.targets):
            raise ParamError(
                f"parameter 'into' must name one column for each of the {len(self.names)} in 'cols'; got {self.targets!r}"
            )

    @property
    def names(self) -> list[str]:
        """`cols` as a list."""
        return [self.cols] if isinstance(self.cols, str) else self.cols

    @property
    def targets(self) -> list[str]:
        """Where the result of each of `names` goes."""
        return self.names if self.into is None else [self.into] if isinstance(self.into, str) else self.into


class TitleCaseParams(TextParams):
    """See TitleCase."""

    language: Annotated[
        Literal["und", "en", "de", "nl", "fr", "es", "pt", "it", "ga", "tr", "az"],
        doc("The language whose ways are kept to; 'und' for any other: every word begins with a capital."),
    ] = "und"
    keep: Annotated[
        list[str], doc('Words that are written as they stand here, whatever their case in a text: ["IBM", "eBay", "VIII"].')
    ] = []  # noqa: RUF012 - msgspec copies it

    def validate(self) -> None:
        super().validate()
        from rtml_lang.title import is_word

        for word in self.keep:
            if not is_word(word):
                raise ParamError(
                    f"parameter 'keep' must list single words of letters and digits, apostrophes inside; got {word!r}"
                )


class TransliterateParams(TextParams):
    """See Transliterate."""

    language: Annotated[
        Literal["de", "da", "nb", "sv", "ru", "uk", "bg", "sr", "el"] | None,
        doc("The language the texts are in, where it writes letters in its own way; null for the tables for all."),
    ] = None
    unknown: Annotated[str, doc("What stands for a character that has no ASCII form.", "a text in ASCII")] = ""

    def validate(self) -> None:
        super().validate()
        if not self.unknown.isascii() or "\0" in self.unknown:
            raise ParamError(f"parameter 'unknown' must be a text in ASCII; got {self.unknown!r}")


class _Texts(Operator):
    """What both operators do with columns; `custom_op` and `arguments` say how."""

    custom_op: CustomOp
    lowering_kind = "python"

    def arguments(self) -> dict[str, Any]:
        """The arguments of the custom operator."""
        raise NotImplementedError

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The reference of the custom operator on each column."""
        import numpy as np
        import pandas as pd

        from rtml_core.custom_ops import apply
        from rtml_core.frames import dtype_word, string_dtype

        made = frame.copy(deep=False)
        for name, target in zip(self.params.names, self.params.targets, strict=True):
            if name not in frame.columns:
                raise ColumnError(missing_column(name, map(str, frame.columns)))
            self._require_texts(name, dtype_word(frame[name]))
            (texts,) = apply(self.custom_op, frame[name], **self.arguments())
            values = [np.nan if text is None else text for text in texts.tolist()]
            made[target] = pd.Series(values, index=frame.index, dtype=object).astype(string_dtype())
        return made

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """One node for all columns."""
        from rtml_core.lowering.custom import custom_each

        names = self.params.names
        for name in names:
            if name not in columns:
                raise ColumnError(missing_column(name, columns))
            self._require_texts(name, columns[name].dtype)
        made = custom_each(b, self.custom_op, [columns[name] for name in names], **self.arguments())
        return {**columns, **dict(zip(self.params.targets, made, strict=True))}

    def _require_texts(self, column: str, dtype: str) -> None:
        if dtype != "string":
            raise ColumnError(
                f"Column '{column}' is a {dtype}, and {self.name} takes texts. Make it one first, e.g. Pandas(import_=\"astype\","
                f' cols="{column}", kwargs={{"dtype": "str"}}, inplace=True)'
            )

    def parity_cases(self) -> pd.DataFrame:
        """Texts at which languages part."""
        import pandas as pd

        from rtml_lang.cases import CASES

        return pd.DataFrame({name: list(CASES) for name in self.params.names})


class TitleCase(_Texts):
    """Texts in the title case of a language: "the lord of the rings" becomes "The Lord of the Rings" in English.

    String columns -> string columns, in place or new. Missing in, missing out. A word is a run of letters and digits, apostrophes
    inside; it is put into lower case and begins with a capital, unless it begins with a digit. Languages keep small words small
    inside of a text, and have ways of their own: O'Neil, McDonald and MacLeod (en), IJsselmeer and 's-Gravenhage (nl),
    L'Isle-d'Abeau (fr), Reggio nell'Emilia (it), i nGaeilge (ga), \u0130stanbul (tr, az). Compiles to a Python operator, which
    asks Python's Unicode tables: the package is not portable.
    """

    Params = TitleCaseParams
    custom_op = TITLE_CASE

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One for each language."""
        from rtml_lang.languages import LANGUAGES

        return [cls(cols="text", language=language, keep=["IBM", "eBay"]) for language in LANGUAGES]

    def arguments(self) -> dict[str, Any]:
        """Language and kept words."""
        return {"language": self.params.language, "keep": list(self.params.keep)}


class Transliterate(_Texts):
    """Texts of any script in ASCII letters, by the ways of a language where it has its own.

    String columns -> string columns, in place or new. Missing in, missing out. By language: German and Nordic letters and Russian
    as in passports (ICAO Doc 9303), Ukrainian by its system of 2010, Bulgarian by its law of 2009, Serbian as its Latin letters
    without accents, Greek by ISO 843 type 2. All else, and everything without a language, by the tables of anyascii 0.3.3, which
    know the scripts of the world one character at a time. Compiles to a Python operator: the package is not portable.
    """

    Params = TransliterateParams
    custom_op = TRANSLITERATE

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One for each language."""
        from rtml_lang.rules import RULES

        return [cls(cols="text", into="ascii", language=language, unknown="?") for language in (None, *RULES)]

    def arguments(self) -> dict[str, Any]:
        """Language, and what stands for the unknown."""
        return {"language": self.params.language, "unknown": self.params.unknown}
