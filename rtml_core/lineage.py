"""Which node last changed a column: what decides when branches of a graph meet.

Where two branches bring a column of one name, the one that changed it wins over the one that only passed it on. Changed
by both, it is a conflict, unless both come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rtml_core.errors import ColumnError


class Lineage:
    """Versions of columns, by node. The executor and the compiler each keep one, so that they decide alike."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, int]] = {}
        self._older: dict[int, int | None] = {}

    def record(self, node: str, incoming: dict[str, int], columns: Iterable[str], unchanged: Callable[[str], bool]) -> None:
        """Note what a node gave: a column is passed on when it came in and `unchanged` says so, else it is new."""
        versions = {}
        for column in columns:
            before = incoming.get(column)
            if before is not None and unchanged(column):
                versions[column] = before
            else:
                version = len(self._older)
                self._older[version] = before
                versions[column] = version
        self._versions[node] = versions

    def incoming(self, parents: Sequence[str], same: Callable[[str, str, str], bool]) -> dict[str, tuple[str, int]]:
        """For each column that the parents bring: from which parent to take it, and its version.

        same(column, parent, other) says whether both parents' columns are equal. Raises ColumnError on a conflict.
        """
        chosen: dict[str, tuple[str, int]] = {}
        for parent in parents:
            for column, version in self._versions.get(parent, {}).items():
                present = chosen.get(column)
                if present is None or self._follows(version, present[1]):
                    chosen[column] = (parent, version)
                    continue
                older = version == present[1] or self._follows(present[1], version)
                if not older and not same(column, present[0], parent):
                    raise ColumnError(
                        f"Column '{column}' comes changed from two inputs, '{present[0]}' and '{parent}'; rename one of them"
                        f" before they meet"
                    )
        return chosen

    def _follows(self, version: int, older: int) -> bool:
        at: int | None = self._older.get(version)
        while at is not None:
            if at == older:
                return True
            at = self._older.get(at)
        return False
