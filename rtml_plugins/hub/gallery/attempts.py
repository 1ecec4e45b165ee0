"""How often somebody may fail to sign in: enough for slips, too little to load the database by guessing."""

from __future__ import annotations

import ipaddress
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Final

from rtml_plugins.serving.problems import Problem

#: failures with one key that are counted against an address, those with whatever key or link, and the seconds after which
#: they are forgotten. Everybody behind a proxy has its address, so the second one is for what no office does.
MOST: Final = 10
MOST_OF_ADDRESS: Final = 300
WINDOW: Final = 60.0
#: addresses, and keys of them, that are kept
_KEPT: Final = 10_000
_KEY: Final = re.compile(r"rtml_([0-9a-f]{12})_[a-z2-7]{52}")
_LINK: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def key_of(secret: str) -> str | None:
    """The id of the key that a text would be the secret of; None for a text that is the secret of none, whatever keys there are:
    that needs no look at the database, and tells nobody anything."""
    found = _KEY.fullmatch(secret)
    return found[1] if found is not None else None


def is_link(token: str) -> bool:
    """Whether a text may be what a link holds."""
    return _LINK.fullmatch(token) is not None


class Attempts:
    """Failures to sign in at one process of a hub, by address; an IPv6 address is as good as its /64, which is one customer's.

    key: the id of the key that was tried, None for a link. Whoever guesses at other keys from the same address so keeps nobody
    out who has theirs.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[tuple[str, str | None], list[float]] = {}

    def check(self, address: str, key: str | None = None) -> None:
        """Problem 429, with Retry-After, for what failed too often lately: then nothing is looked up at all."""
        with self._lock:
            for who, most in _counted(address, key):
                failed = self._recent(who)
                if len(failed) >= most:
                    wait = max(1, math.ceil(failed[-most] + WINDOW - self._clock()))
                    what = "secrets of this key that are none" if who[1] is not None else "keys or links that are none"
                    break
            else:
                return
        raise Problem(
            429,
            "rate-exceeded",
            f"{most} {what} came from {address} within a minute: try again in {wait} s",
            headers=[("Retry-After", str(wait))],
        )

    def failed(self, address: str, key: str | None = None) -> None:
        """Count one."""
        with self._lock:
            for who, most in _counted(address, key):
                failed = [*self._recent(who), self._clock()]
                self._failed.pop(who, None)
                self._failed[who] = failed[-most:]
                if len(self._failed) > _KEPT:  # the one that failed least lately
                    del self._failed[next(iter(self._failed))]

    def _recent(self, who: tuple[str, str | None]) -> list[float]:
        since = self._clock() - WINDOW
        return [at for at in self._failed.get(who, ()) if at > since]


def _counted(address: str, key: str | None) -> list[tuple[tuple[str, str | None], int]]:
    """Under what a failure is counted, and up to how many."""
    network = _network(address)
    of_address = ((network, None), MOST_OF_ADDRESS)
    return [of_address] if key is None else [((network, key), MOST), of_address]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
