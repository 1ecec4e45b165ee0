"""Split: training and test rows, for authoring."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ExecutionError, NotLowerableError, ParamError

if TYPE_CHECKING:
    import pandas as pd

#: share of the rows that are tested on when nothing is said, as in scikit-learn
TEST_SHARE = 0.25


class SplitParams(Params):
    """Parameters of Split."""

    train_size: Annotated[
        float | int | None, doc("share (0 to 1) or number of training rows", "a share between 0 and 1 or a number of rows")
    ] = None
    test_size: Annotated[
        float | int | None,
        doc("share (0 to 1) or number of test rows; 0.25 when neither is given", "a share between 0 and 1 or a number of rows"),
    ] = None
    seed: Annotated[int, doc("seed of the shuffle: equal seeds give equal splits")] = 0
    shuffle: Annotated[bool, doc("mix the rows first; false keeps their order, so that the last ones are tested on")] = True
    stratify: Annotated[str | None, doc("column whose values both parts shall have in equal shares")] = None

    def validate(self) -> None:
        for name in ("train_size", "test_size"):
            size = getattr(self, name)
            if size is not None and not (0 < size < 1 if isinstance(size, float) else size >= 1):
                raise ParamError(f"parameter '{name}' must be a share between 0 and 1 or a number of rows; got {size!r}")
        if self.stratify is not None and not self.shuffle:
            raise ParamError("parameter 'stratify' must be left out when 'shuffle' is false; rows in order can't be stratified")


class Split(Operator):
    """Rows for training and rows for testing, in one frame whose index has a first level "train" or "test".

    `frame.xs("train")` and `frame.xs("test")` are the two parts; the second level is the index that came in. Every column
    stays as it is. For authoring only: a compiled model sees rows to score, never rows to learn from.
    """

    role = "authoring"
    Params = SplitParams

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """All rows of the frame, training rows first, under the keys "train" and "test"."""
        import pandas as pd

        train, test = self._positions(frame)
        return pd.concat([frame.iloc[train], frame.iloc[test]], keys=["train", "test"])

    def lower(self, b: Any, columns: Any) -> Any:
        """Always refused: a split is for training."""
        raise NotLowerableError(
            "cannot run in real time: Split parts rows into training and test, and a request has only rows to score."
            " Compile the graph without it"
        )

    def _positions(self, frame: pd.DataFrame) -> tuple[Any, Any]:
        from sklearn.model_selection import train_test_split

        train_size, test_size = self._sizes(len(frame))
        groups = None
        if self.params.stratify is not None:
            if self.params.stratify not in frame.columns:
                raise ColumnError(missing_column(self.params.stratify, map(str, frame.columns)))
            groups = frame[self.params.stratify].astype(object).where(frame[self.params.stratify].notna(), "missing").astype(str)
        try:
            train, test = train_test_split(
                range(len(frame)),
                train_size=train_size,
                test_size=test_size,
                shuffle=self.params.shuffle,
                stratify=groups,
                random_state=self.params.seed if self.params.shuffle else None,
            )
        except ValueError as error:
            raise ExecutionError(f"Split: {error}") from None
        return train, test

    def _sizes(self, rows: int) -> tuple[int, int]:
        """Numbers of training and test rows."""
        train, test = self.params.train_size, self.params.test_size
        if train is None and test is None:
            test = TEST_SHARE
        # as scikit-learn rounds them: test rows up, training rows down
        test_rows = None if test is None else (math.ceil(test * rows) if isinstance(test, float) else test)
        train_rows = None if train is None else (math.floor(train * rows) if isinstance(train, float) else train)
        test_rows = rows - train_rows if test_rows is None and train_rows is not None else test_rows
        train_rows = rows - test_rows if train_rows is None and test_rows is not None else train_rows
        assert train_rows is not None
        assert test_rows is not None
        if train_rows < 1 or test_rows < 1 or train_rows + test_rows > rows:
            raise ExecutionError(
                f"Split: {rows} rows can't be parted into {train_rows} for training and {test_rows} for testing;"
                f" give other sizes or more rows"
            )
        return train_rows, test_rows
