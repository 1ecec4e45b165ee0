"""Recording: pandas written on a proxy of a frame becomes a graph, so that training code is serving code.

`record` opens a recording. `frame` and `columns` hold what stands in for DataFrame and Series; `tape` checks and keeps each
operation at its line, in one of the forms of `forms`; `planning` and `emitting` make the graph.
"""

from __future__ import annotations

from rtml_plugins.recording.errors import RecordingError
from rtml_plugins.recording.frame import RecordedFrame, record

__all__ = ["RecordedFrame", "RecordingError", "record"]
