"""What an author gives to an assertion, checked: an operator that is made, and a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import ExecutionError, RtmlError, describe
from rtml_core.frames import canonical
from rtml_core.operator import DataMsg, Operator

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


def processed(operator: Operator, rows: pd.DataFrame) -> pd.DataFrame:
    """What `process` gives for these rows, in canonical dtypes. Raises ExecutionError when that is no frame, and whatever the
    operator raises."""
    import pandas as pd

    answer = operator.process(rows)
    if not isinstance(answer, DataMsg):
        hint = "return DataMsg(data=frame), or write transform, which returns the frame itself"
        raise ExecutionError(f"{operator.name}: process must return a DataMsg; got {type(answer).__name__}: {hint}")
    if not isinstance(answer.data, pd.DataFrame):
        raise ExecutionError(f"{operator.name} must give a DataFrame; got {type(answer.data).__name__}")
    return canonical(answer.data)
