"""How often somebody may fail to sign in: enough for slips, too little to load the database by guessing."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from rtml_plugins.serving.problems import Problem

#: failures that are counted against an address, and the seconds after which they are forgotten
MOST: Final = 10
WINDOW: Final = 60.0
#: addresses that are kept
_ADDRESSES: Final = 10_000


class Attempts:
    """Failures to sign in at one process of a hub, by address; an IPv6 address is as good as its /64, which is one customer's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, list[float]] = {}

    def check(self, address: str) -> None:
        """Problem 429, with Retry-After, for an address that failed too often lately: then nothing is looked up at all."""
        with self._lock:
            failed = self._recent(_network(address))
            if len(failed) < MOST:
                return
            wait = max(1, math.ceil(failed[0] + WINDOW - self._clock()))
        raise Problem(
            429,
            "rate-exceeded",
            f"{MOST} keys or links that are none came from {address} within a minute: try again in {wait} s",
            headers=[("Retry-After", str(wait))],
        )

    def failed(self, address: str) -> None:
        """Count one."""
        with self._lock:
            network = _network(address)
            failed = [*self._recent(network), self._clock()]
            self._failed.pop(network, None)
            self._failed[network] = failed[-MOST:]
            if len(self._failed) > _ADDRESSES:  # the one that failed least lately
                del self._failed[next(iter(self._failed))]

    def _recent(self, network: str) -> list[float]:
        since = self._clock() - WINDOW
        return [at for at in self._failed.get(network, ()) if at > since]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
