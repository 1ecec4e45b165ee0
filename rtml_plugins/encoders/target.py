"""TargetEncoder: the mean of the label in each category, smoothed towards that of all rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from rtml_core import doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError, listing
from rtml_plugins.encoders import values
from rtml_plugins.encoders.category import CategoryEncoder, Codes, counted, require_encodable
from rtml_plugins.encoders.placing import ColumnsParams

if TYPE_CHECKING:
    import pandas as pd

#: more classes than this are no classes: each becomes a column
_MOST_CLASSES = 100


class TargetParams(ColumnsParams, kw_only=True):
    """See TargetEncoder."""

    label: Annotated[str, doc("The column of the training frame to be predicted; it is not needed at scoring.")]
    smoothing: Annotated[
        float,
        doc(
            "How many rows the overall mean counts for in every category, from 0. The more, the closer rare categories are to the"
            " overall mean, and the less a model learns their noise."
        ),
    ] = 10.0
    label_type: Annotated[
        Literal["auto", "number", "classes"],
        doc(
            "number: means of the label (booleans count as 0 and 1). classes: shares of its classes. auto: number for a label of"
            " numbers or booleans, classes for one of strings."
        ),
    ] = "auto"
    handle_unknown: Annotated[
        Literal["prior", "missing", "error"],
        doc(
            "A value that the training frame does not have. prior: it becomes the overall mean; missing: it is missing; error:"
            " the row is refused."
        ),
    ] = "prior"
    handle_missing: Annotated[
        Literal["category", "unknown", "missing", "error"],
        doc(
            "A missing value. category: a category like any other, unknown when the training frame has none; unknown: as"
            " 'handle_unknown' says; missing: it stays so; error: the row is refused."
        ),
    ] = "category"

    def validate(self) -> None:
        super().validate()
        if self.label in self.columns:
            raise ParamError(f"parameter 'label' must be no column in 'cols'; got '{self.label}'")
        if not 0 <= self.smoothing < math.inf:
            raise ParamError(f"parameter 'smoothing' must be a number from 0; got {self.smoothing}")


class TargetEncoder(CategoryEncoder):
    """Replaces columns by what the label is on average where they hold a value: float64, learned by fit.

    A category of n rows whose label sums up to s becomes (s + smoothing * prior) / (n + smoothing), where prior is the mean
    label of all training rows: the m-estimate of D. Micci-Barreca, A Preprocessing Scheme for High-Cardinality Categorical
    Attributes (SIGKDD Explorations 3, 2001). Sums are correctly rounded, so that the order of rows does not matter.

    Takes string, number and boolean columns. Of a label of two classes it is the share of the second one, in ascending order.
    A label of more classes gives a column for each class, named <column>_<class>, at the end, in place of the old one.

    The encoding of a training row has seen the label of that very row. Smoothing keeps this leak small; it is the same
    table when training and when serving, which encodings across folds are not.
    """

    Params = TargetParams
    state_key = "values"
    learns = True

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(brand="string?", bought="int", rows=40)
        return [(cls(cols="brand", label="bought", label_type="number").fit(rows), rows)]

    def setup(self) -> None:
        self.given = {}

    # ---- learning ---------------------------------------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn the means. Raises ColumnError for a column or label that is absent, without values or of the wrong kind."""
        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame)
        values.require([*self.params.columns, self.params.label], frame.columns)
        if not len(frame):
            raise ColumnError(f"Column '{self.params.label}' has no value to learn from; TargetEncoder needs training rows")
        targets, classes = self._targets(frame[self.params.label])
        prior = [values.total(target, self.params.label) / len(frame) for target in targets]
        learned = {}
        for name in self.params.columns:
            learned[name] = self._means(frame[name], name, dtype_word(frame[name]), targets, prior)
        self.state = {"prior": prior, "values": learned, **({"classes": classes} if classes else {})}
        return self

    def _targets(self, label: pd.Series) -> tuple[list[Any], list[Any]]:
        """What is averaged, arrays [N] of float64; and the classes where these are shares of several."""
        import numpy as np

        from rtml_core.frames import dtype_word, to_carrier

        name, dtype = self.params.label, dtype_word(label)
        if label.isna().any():
            raise ColumnError(
                f"Column '{name}' is the label and is missing in {int(label.isna().sum()):,} training rows; drop them first"
            )
        values.refuse_infinite(label, name)
        if dtype in ("timestamp", "timedelta"):
            raise ColumnError(f"Column '{name}' is a {dtype}; the label must be of numbers, booleans or strings")
        found = to_carrier(label, False)
        as_classes = dtype == "string" if self.params.label_type == "auto" else self.params.label_type == "classes"
        if not as_classes:
            if dtype == "string":
                raise ColumnError(f"Column '{name}' is the label and holds strings; use label_type='classes'")
            return [found.astype(np.float64)], []
        classes = sorted(set(found.tolist()))
        if not 2 <= len(classes) <= _MOST_CLASSES:
            what = f"{len(classes):,} different value{'s' if len(classes) > 1 else ''}: {listing(map(str, classes), 5)}"
            raise ColumnError(f"Column '{name}' is the label and must have 2 to {_MOST_CLASSES} classes; it has {what}")
        counted_ones = classes[1:] if len(classes) == 2 else classes
        return [(found == one).astype(np.float64) for one in counted_ones], classes if len(classes) > 2 else []

    def _means(self, series: pd.Series, name: str, dtype: str, targets: list[Any], prior: list[float]) -> list[list[Any]]:
        """[value, mean, ...] for each category, that of missing rows with null for the value."""
        import numpy as np

        from rtml_core.frames import to_carrier

        counted(series, name, dtype, "leave it out")
        missing = series.isna().to_numpy()
        there = np.flatnonzero(~missing)
        found, which = np.unique(to_carrier(series[~missing], False), return_inverse=True)
        members = np.split(there[np.argsort(which, kind="stable")], np.cumsum(np.bincount(which, minlength=len(found)))[:-1])
        labels: list[Any] = [values.to_json(value, dtype) for value in found]
        if missing.any():
            labels, members = [*labels, None], [*members, np.flatnonzero(missing)]
        return [[label, *self._smoothed(rows, targets, prior)] for label, rows in zip(labels, members, strict=True)]

    def _smoothed(self, rows: Any, targets: list[Any], prior: list[float]) -> list[float]:
        weight = self.params.smoothing
        sums = [values.total(target[rows], self.params.label) for target in targets]
        return [(found + weight * mean) / (len(rows) + weight) for found, mean in zip(sums, prior, strict=True)]

    # ---- the table --------------------------------------------------------------------------------------------------

    def _learned(self, column: str) -> list[list[Any]]:
        found: list[list[Any]] | None = ((self.state or {}).get("values") or {}).get(column)
        if found is None:
            raise NotFittedError(f"TargetEncoder has to learn the label's means by '{column}' first: call fit")
        return found

    def listed(self, column: str) -> list[Any]:
        return [value for value, *_ in self._learned(column) if value is not None]

    def codes(self, column: str, dtype: str) -> Codes:
        require_encodable(column, dtype)
        state = self.state or {}
        means = {value: tuple(numbers) for value, *numbers in self._learned(column)}
        categories = tuple(values.carried(value, dtype, column, "category") for value in self.listed(column))
        prior = tuple(state["prior"])
        nothing = (float("nan"),) * len(prior)
        unknown = {"prior": prior, "missing": nothing, "error": None}[self.params.handle_unknown]
        own = means.get(None, unknown)
        missing = {"category": own, "unknown": unknown, "missing": nothing, "error": None}[self.params.handle_missing]
        new = self.params.new_name(column)
        names = tuple(f"{new}_{one}" for one in state["classes"]) if state.get("classes") else (new,)
        return Codes(categories, tuple(means[value] for value in self.listed(column)), unknown, missing, names)
