"""TextNormalize: texts that mean the same made the same."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import Operator, Params, doc
from rtml_plugins.text.common import new_names, text_column, text_series, text_values, with_columns

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class TextNormalizeParams(Params):
    """See TextNormalize."""

    cols: Annotated[str | list[str], doc("The column or columns of texts.", "a column name or a list of them")]
    into: Annotated[
        str | list[str] | None, doc("Names of new columns, one for each of 'cols'; without them the texts are replaced in place.")
    ] = None
    case: Annotated[
        Literal["fold", "lower", "upper"] | None,
        doc("'fold' makes texts equal that differ in case only (str.casefold: \u00df is ss); or lower, upper, or null."),
    ] = "fold"
    accents: Annotated[
        Literal["ascii", "unicode"] | None,
        doc("Accents are taken off: 'unicode' keeps letters of all scripts, 'ascii' drops what is not ASCII then."),
    ] = None
    punctuation: Annotated[bool, doc("Punctuation stays (Unicode's categories P); else it becomes a blank.")] = True
    digits: Annotated[bool, doc("Decimal digits of all scripts stay; else they are taken out.")] = True
    blanks: Annotated[bool, doc("Runs of blanks become one blank, those at both ends go.")] = True


class TextNormalize(Operator):
    """Case, accents, punctuation, digits and blanks of texts brought into one form, in this order.

    String columns -> string columns, in place or new. Missing in, missing out. All of it is Python's own reading of Unicode.
    """

    Params = TextNormalizeParams
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", rows=40)
        return [(cls(cols="title"), rows)]

    def setup(self) -> None:
        self.targets = new_names(self.params.cols, self.params.into)

    def cleaned(self, text: str) -> str:
        """One text in its form."""
        from rtml_core.lowering.characters import accents_off

        p = self.params
        text = {"fold": str.casefold, "lower": str.lower, "upper": str.upper, None: str}[p.case](text)
        text = "".join(map(self._kept, accents_off(text, p.accents)))
        return re.sub(" +", " ", text).strip(" ") if p.blanks else text

    def _kept(self, char: str) -> str:
        """A character after case and accents."""
        p = self.params
        category = unicodedata.category(char)
        if not p.punctuation and category.startswith("P"):
            return " "
        if not p.digits and category == "Nd":
            return ""
        return " " if p.blanks and char.isspace() else char

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        made = {}
        for name, target in self.targets.items():
            texts = text_values(frame, name, self.name, missing=True)
            made[target] = text_series([None if text is None else self.cleaned(text) for text in texts], frame.index)
        return with_columns(frame, made)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.text.lowered.normalize import normalized

        result = dict(columns)
        for name, target in self.targets.items():
            result[target] = normalized(b, text_column(columns, name, self.name), self)
        return result

    def image(self, char: str) -> str:
        """What becomes of a character that stands alone; lower case is not among it, as it looks at neighbours."""
        from rtml_core.lowering.characters import accents_off

        case = {"fold": str.casefold, "upper": str.upper}.get(self.params.case or "", str)
        return "".join(map(self._kept, accents_off(case(char), self.params.accents)))
