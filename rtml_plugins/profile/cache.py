"""A bounded dict that forgets what was not used for long. LIGHT: the standard library only."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` entries, roughly those used last: a generation is dropped at a time, so a use costs a lookup or two."""

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, most: int):
        self._half = max(1, most // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, name: K) -> V | None:
        found = self._young.get(name)
        if found is None:
            found = self._old.pop(name, None)
            if found is not None:
                self[name] = found
        return found

    def __setitem__(self, name: K, value: V) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[name] = value

    def pop(self, name: K) -> None:
        self._young.pop(name, None)
        self._old.pop(name, None)

    def clear(self) -> None:
        self._young, self._old = {}, {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
