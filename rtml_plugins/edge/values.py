"""What processes of an edge write of the values that they counted, for the supervisor: one file each, beside their figures."""

from __future__ import annotations

from typing import Final

import msgspec

SUFFIX: Final = ".values"


class Side(msgspec.Struct, omit_defaults=True):
    """Columns of inputs or outputs. counts: of each name its bins and, last, how many were missing."""

    names: list[str] = []
    counts: list[list[int]] = []


class Counts(msgspec.Struct, omit_defaults=True):
    """What a process has counted of a version since it began to. serial: another one whenever it begins anew."""

    serial: int
    service: str
    version: int
    package: str
    rows: int = 0
    inputs: Side = msgspec.field(default_factory=Side)
    outputs: Side = msgspec.field(default_factory=Side)


class Values(msgspec.Struct):
    """The file of a process."""

    pid: int
    versions: list[Counts]
