"""What the operators of this plugin share: they learn something of each of their columns, unless it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from rtml_core import Operator
from rtml_plugins.encoders import values

if TYPE_CHECKING:
    import pandas as pd


class ColumnLearner(Operator):
    """Learns one JSON value of each column that is not `given`; kept in the state under `state_key`."""

    state_key: ClassVar[str]
    #: what the parameters give, by column
    given: dict[str, list[Any]]

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """What is kept of one canonical column. Raises ColumnError for a column without values, or of the wrong kind."""
        raise NotImplementedError

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn what the parameters leave open. Raises ColumnError for a column without values, or of the wrong kind."""
        from rtml_core.frames import canonical, dtype_word

        if not self.learns:
            return self
        frame = canonical(frame)
        values.require(self.params.columns, frame.columns)
        open_columns = [name for name in self.params.columns if name not in self.given]
        self.state = {self.state_key: {n: self.learn_column(frame[n], n, dtype_word(frame[n])) for n in open_columns}}
        return self
