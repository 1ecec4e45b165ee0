"""Traffic changed as the client does it: read, changed, and set while it is still what was read."""

from __future__ import annotations

from collections.abc import Callable

from rtml_core.client.operations import with_canary, with_champion
from rtml_core.client.records import Service, Traffic
from rtml_plugins.hub.hub import Hub

Steering = Callable[[Traffic], Traffic]


def steer(hub: Hub, name: str, change: Steering, actor: str = "ada") -> Service:
    """The service after it."""
    now = hub.get(name)
    return hub.set_traffic(name, change(now.traffic), actor=actor, seen=[now.change])


def promote(hub: Hub, name: str = "churn", version: int | None = None, actor: str = "ada") -> Service:
    """A version, by default the canary, becomes champion."""
    return steer(hub, name, with_champion(name, version), actor)


def canary(hub: Hub, version: int, share: float, name: str = "churn") -> Service:
    """A version answers a share; 0 ends it."""
    return steer(hub, name, with_canary(version, share, None))
