"""Rows that somebody looks at: t.head(), t.sample(5). They are plain pandas, and are no recording any more."""

from __future__ import annotations

import functools
from typing import Any, Final

from rtml_plugins.recording.errors import refuse

#: methods of a frame that pick rows, to look at them
PICKS: Final = ("head", "tail", "sample", "nlargest", "nsmallest")


@functools.cache
def _picked() -> type[Any]:
    import pandas as pd

    class PickedRows(pd.DataFrame):
        """Some rows of the training frame; `graph` says why there is none."""

        @property
        def _constructor(self) -> type[Any]:
            return PickedRows

        @property
        def graph(self) -> Any:
            refuse(
                "rows were picked with head, tail, sample, nlargest or nsmallest, and what is written on them is not recorded: a"
                " request has one row. Pick the rows to train on before rtml.record(...), and keep t for the features"
            )

    return PickedRows


def picked(native: Any, name: str) -> Any:
    """The method of the frame, whose rows know that they are no recording."""

    @functools.wraps(getattr(native, name))
    def call(*args: Any, **kwargs: Any) -> Any:
        return _picked()(getattr(native, name)(*args, **kwargs))

    return call
