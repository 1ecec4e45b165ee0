"""RegexExtract and RegexReplace: Python's regular expressions, compiled where another engine finds exactly the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError
from rtml_plugins.text.common import (
    new_names,
    require_distinct,
    require_free,
    text_column,
    text_series,
    text_values,
    with_columns,
)

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

_IGNORE = "Letters match in either case."
_ASCII = r"\w, \d, \s and \b know ASCII only; makes them faster, too."


class RegexExtractParams(Params):
    """See RegexExtract."""

    column: Annotated[str, doc("The column of texts.", "a column name")]
    pattern: Annotated[str, doc("A regular expression with a group for each new column.", "a regular expression")]
    into: Annotated[
        list[str] | None,
        doc("Names of the new columns, one a group; by default the groups' own names, or <column>_0, <column>_1, ..."),
    ] = None
    ignore_case: Annotated[bool, doc(_IGNORE)] = False
    ascii: Annotated[bool, doc(_ASCII)] = False

    def validate(self) -> None:
        groups = compiled(self.pattern, self.ignore_case, self.ascii).groups
        if not groups:
            raise ParamError(f"parameter 'pattern' must have a group, (...), for each new column; got {self.pattern!r}")
        if self.into is not None:
            require_distinct(self.into, "into")
            if len(self.into) != groups:
                raise ParamError(f"parameter 'into' must name one new column for each of the {groups} groups; got {self.into!r}")


class RegexExtract(Operator):
    """The groups of the first match of a regular expression, as new string columns; missing where nothing matches.

    One string column, which stays -> a string column for each group. Python's `re.search`, character classes for all of
    Unicode included. Missing in, missing out. Each group must take part in every match: `(a)?` is refused when compiling,
    `(a?)` is not. Look-around and references back have no exact form either.
    """

    Params = RegexExtractParams
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", rows=40)
        return [(cls(column="title", pattern="([a-z]+)", into=["letters"]), rows)]

    def setup(self) -> None:
        p = self.params
        self.python = compiled(p.pattern, p.ignore_case, p.ascii)
        named = {number: name for name, number in self.python.groupindex.items()}
        own = [named.get(number + 1, f"{p.column}_{number}") for number in range(self.python.groups)]
        self.names = p.into or own

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        texts = text_values(frame, self.params.column, self.name, missing=True)
        matches = [None if text is None else self.python.search(text) for text in texts]
        require_free(self.names, map(str, frame.columns), "choose another name, with into=[...]")
        found = {name: [m and m.group(number) for m in matches] for number, name in enumerate(self.names, start=1)}
        return with_columns(frame, {name: text_series(values, frame.index) for name, values in found.items()})

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.text.lowered.extract import extracted

        column = text_column(columns, self.params.column, self.name)
        require_free(self.names, columns, "choose another name, with into=[...]")
        return {**columns, **dict(zip(self.names, extracted(b, column, self.python), strict=True))}


class RegexReplaceParams(Params):
    """See RegexReplace."""

    cols: Annotated[str | list[str], doc("The column or columns of texts.", "a column name or a list of them")]
    pattern: Annotated[str, doc("What is replaced, a regular expression.", "a regular expression")]
    replacement: Annotated[str, doc(r"What stands there instead; \1 or \g<name> is a group.")] = ""
    first: Annotated[bool, doc("Replace the first match only, not all.")] = False
    into: Annotated[
        str | list[str] | None, doc("Names of new columns, one for each of 'cols'; without them the texts are replaced in place.")
    ] = None
    ignore_case: Annotated[bool, doc(_IGNORE)] = False
    ascii: Annotated[bool, doc(_ASCII)] = False

    def validate(self) -> None:
        new_names(self.cols, self.into)
        try:
            compiled(self.pattern, self.ignore_case, self.ascii).sub(self.replacement, "")
        except (re.error, IndexError, OverflowError, RecursionError) as error:
            raise ParamError(
                f"parameter 'replacement' must fit the pattern's groups; got {self.replacement!r} ({error})"
            ) from None


class RegexReplace(Operator):
    r"""Every match of a regular expression replaced, or the first one.

    String columns -> string columns, in place or as new ones. Python's `re.sub`, character classes for all of Unicode
    included. Missing in, missing out. A pattern that can match the empty text, look-around and references back inside of the
    pattern have no exact form and are refused when compiling. \w, \d and \s are large classes, which cost milliseconds a
    row: use `ascii`, or name the characters, where that is enough.
    """

    Params = RegexReplaceParams
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", rows=40)
        return [(cls(cols="title", pattern="[0-9]+", replacement="#"), rows)]

    def setup(self) -> None:
        p = self.params
        self.python = compiled(p.pattern, p.ignore_case, p.ascii)
        self.targets = new_names(p.cols, p.into)

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        p = self.params
        made = {}
        for name, target in self.targets.items():
            texts = text_values(frame, name, self.name, missing=True)
            replaced = [None if t is None else self.python.sub(p.replacement, t, count=int(p.first)) for t in texts]
            made[target] = text_series(replaced, frame.index)
        return with_columns(frame, made)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.strings import replace

        p = self.params
        result = dict(columns)
        for name, target in self.targets.items():
            column = text_column(columns, name, self.name)
            n = 1 if p.first else -1
            flags = self.python.flags & ~re.UNICODE
            result[target] = replace(b, column, p.pattern, p.replacement, n=n, flags=int(flags), regex_=True)
        return result


def compiled(pattern: str, ignore_case: bool, ascii_only: bool) -> re.Pattern[str]:
    """The pattern, compiled; raises ParamError with the place of the mistake."""
    flags: Any = (re.IGNORECASE if ignore_case else 0) | (re.ASCII if ascii_only else 0)
    try:
        return re.compile(pattern, flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise ParamError(f"parameter 'pattern' must be a regular expression; got {pattern!r} ({error})") from None
