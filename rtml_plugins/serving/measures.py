"""What edges count of the services they answer, as they tell their hub: whole windows of time, each once.

JSON by msgspec; unknown fields are ignored, so either side may be newer.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from rtml_plugins.serving.names import NAME

#: upper bounds of latencies in seconds; the last bucket has none
# fmt: off
SECONDS: Final = (
    0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.035,
    0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0,
)
# fmt: on
#: what a message may hold at most: windows, versions of one, columns of a version, bins of a column
WINDOWS: Final = 1000
VERSIONS: Final = 10_000
COLUMNS: Final = 10_000
BINS: Final = 1000

Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]  # of one window
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e12)]
Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME.pattern}$")]


class Bins(msgspec.Struct, omit_defaults=True):
    """Values of a field or an output, counted in the bins of the package's baseline (rtml_core.baseline.ColumnBaseline)."""

    counts: Annotated[list[Count], msgspec.Meta(max_length=BINS)]
    missing: Count = 0


class Counted(msgspec.Struct, omit_defaults=True):
    """What was counted of one version.

    outcomes: requests by how they ended (ok, invalid, refused, busy, timeout, error). latency: all requests, by SECONDS, one
    bucket more than bounds; seconds: their sum. rows: of those requests whose values were looked at, which are a sample of all
    when there are many; inputs, outputs: the values of these rows, by name; empty for packages without a baseline.
    """

    outcomes: Annotated[dict[Annotated[str, msgspec.Meta(max_length=32)], Count], msgspec.Meta(max_length=20)] = {}
    latency: Annotated[list[Count], msgspec.Meta(max_length=len(SECONDS) + 1)] = []
    seconds: Seconds = 0.0
    rows: Count = 0
    inputs: Annotated[dict[str, Bins], msgspec.Meta(max_length=COLUMNS)] = {}
    outputs: Annotated[dict[str, Bins], msgspec.Meta(max_length=COLUMNS)] = {}


class VersionCounted(msgspec.Struct, omit_defaults=True):
    """What was counted of a version of a service by one edge in one window. package: its id, whose baseline has the bins."""

    service: Name
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    package: str
    counted: Counted


class Window(msgspec.Struct, omit_defaults=True):
    """A span of time, in seconds since 1970. number: from 1, by the edge's process; the hub takes each once."""

    number: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    since: Seconds
    until: Seconds
    versions: Annotated[list[VersionCounted], msgspec.Meta(max_length=VERSIONS)] = []


class Measures(msgspec.Struct):
    """The windows of an edge that its hub has not taken yet, oldest first. run: another one each time the edge starts."""

    run: Annotated[str, msgspec.Meta(pattern="^[!-~]{1,100}$")]
    region: Name
    windows: Annotated[list[Window], msgspec.Meta(max_length=WINDOWS)]
