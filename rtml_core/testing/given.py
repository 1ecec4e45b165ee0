"""What an author gives to an assertion, checked: an operator that is made, and a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import RtmlError, describe
from rtml_core.frames import canonical
from rtml_core.operator import Operator

if TYPE_CHECKING:
    import pandas as pd


def checked(called: str, operator: Any, frame: Any) -> pd.DataFrame:
    """The frame in its canonical dtypes, numbered from 0. Raises RtmlError, naming what was `called`, for what is no operator or
    no frame; ColumnError for a column of mixed objects."""
    import pandas as pd

    if isinstance(operator, type) and issubclass(operator, Operator):
        raise RtmlError(f"{called} takes an operator made with its parameters, {operator.name}(...); got the class itself")
    if not isinstance(operator, Operator):
        raise RtmlError(f"{called} takes an operator made with its parameters; got {describe(operator)}")
    if not isinstance(frame, pd.DataFrame):
        raise RtmlError(f"{called} takes a pandas DataFrame of the columns that reach the operator; got {describe(frame)}")
    return canonical(frame.reset_index(drop=True))
