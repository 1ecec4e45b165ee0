"""Talking to hubs and edges from Python: publishing, steering, scoring.

    from rtml_core.client import Client

    client = Client(region="emea")
    client.predict("churn", {"age": 41})["propensity"]

Everything here is imported on first use: an edge takes the records from this package and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Client": "rtml_core.client.sync_client",
    "AsyncClient": "rtml_core.client.async_client",
    "Prediction": "rtml_core.client.answers",
    "ClientError": "rtml_core.client.errors",
    "Conflict": "rtml_core.client.errors",
    "HubAway": "rtml_core.client.errors",
    "EdgeAway": "rtml_core.client.errors",
    "BadAnswer": "rtml_core.client.errors",
    "Refused": "rtml_core.client.errors",
    "NotAllowed": "rtml_core.client.errors",
    "NotFound": "rtml_core.client.errors",
    "InvalidInput": "rtml_core.client.errors",
    "NotTakenUp": "rtml_core.client.errors",
    "Tried": "rtml_core.client.errors",
}

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Client",
    "ClientError",
    "Conflict",
    "EdgeAway",
    "HubAway",
    "InvalidInput",
    "NotAllowed",
    "NotFound",
    "NotTakenUp",
    "Prediction",
    "Refused",
    "Tried",
]

if TYPE_CHECKING:
    from rtml_core.client.answers import Prediction
    from rtml_core.client.async_client import AsyncClient
    from rtml_core.client.errors import (
        BadAnswer,
        ClientError,
        Conflict,
        EdgeAway,
        HubAway,
        InvalidInput,
        NotAllowed,
        NotFound,
        NotTakenUp,
        Refused,
        Tried,
    )
    from rtml_core.client.sync_client import Client


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'rtml_core.client' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
