"""DatasetWriter: a frame with dotted columns into a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platform_sdk.client_context import client_of
from platform_sdk.errors import PlatformSdkError
from platform_sdk.models import Dataset, find
from rtml_core.client import Refused
from rtml_core.errors import describe

if TYPE_CHECKING:
    import pandas as pd

#: records that are sent at a time
_AT_ONCE: Final = 10_000


class WriteTracker(NamedTuple):
    """What became of a frame. written: records that are new; known: those whose `_id` the dataset had already; withheld: events
    of persons who refused that they are collected."""

    dataset: str
    written: int
    known: int
    withheld: int


class DatasetWriter:
    """Writes frames into a dataset: what Dataset(client_context).get_by_id(name) gave, or its name."""

    def __init__(self, client_context: Any, dataset: Dataset | str) -> None:
        self._context = client_context
        self._found = dataset.found if isinstance(dataset, Dataset) else find(client_context, dataset)

    def __repr__(self) -> str:
        return f"<DatasetWriter of '{self._found.name}'>"

    def write(self, dataframe: pd.DataFrame, file_format: str = "json") -> WriteTracker:
        """Write the rows as records, each column at the path that it is named by; when this returns they can be read.

        Each is checked by the dataset's schema. If one does not fit, nothing of it and the 9,999 beside it is written, and the
        error names it. Writing again changes nothing for events, which are known by their `_id`. file_format: "json" or
        "parquet", as documented; rtml keeps datasets in one way.
        """
        import pandas as pd

        from rtml_plugins.xdm.frames import to_documents

        if file_format not in ("json", "parquet"):
            raise PlatformSdkError(f"file_format must be 'json' or 'parquet'; got {describe(file_format)}")
        if not isinstance(dataframe, pd.DataFrame):
            raise PlatformSdkError(f"write() takes a DataFrame; got {describe(dataframe)}")
        documents = to_documents(dataframe)
        client = client_of(self._context)
        written = known = withheld = 0
        for start in range(0, len(documents), _AT_ONCE):
            some = documents[start : start + _AT_ONCE]
            try:
                found = client.ingest(some, schema=self._found.schema, dataset=self._found.name, threshold=0)
            except Refused as error:
                if start:
                    error.add_note(f"The {start:,} rows before this piece are written; mend the frame and write all of it again.")
                raise
            written, known, withheld = written + found.accepted, known + found.duplicates, withheld + found.withheld
        return WriteTracker(self._found.name, written, known, withheld)
