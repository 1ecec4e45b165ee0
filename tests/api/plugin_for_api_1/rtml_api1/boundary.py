"""What runs where models are served: a source that reads the event of a request, a sink that shapes answers, and a store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rtml_core.boundary import Parts


class Keys:
    """Values by the keys of the event."""

    def __init__(self, entry: Any, fields: Sequence[Any], resources: Mapping[str, Any]):
        assert entry.plan == {"part": "event"}
        self.names = [field.name for field in fields]

    def values(self, parts: Parts, now: int) -> Sequence[Any]:
        event = json.loads(parts.event or b"{}")
        return [event.get(name) for name in self.names]


class Wrapped:
    """Answers in an object of their own."""

    def __init__(self, entry: Any, fields: Sequence[Any], resources: Mapping[str, Any]):
        self.key = entry.plan["key"]

    def shape(self, outputs: Mapping[str, Any]) -> Any:
        return {self.key: dict(outputs)}


class Store:
    """Stands for a store of profiles."""
