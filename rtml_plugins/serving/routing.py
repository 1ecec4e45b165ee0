"""Which version answers a request: pure and the same on every edge, so a visitor stays in an arm wherever they are served."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Final

from rtml_core.client.records import Traffic
from rtml_core.errors import RtmlError

_BITS: Final = 64


class TrafficRefused(RtmlError):
    """Traffic that can't be served. part: what of it, "version", "share" or "sticky"; version: which one it is about, if one."""

    def __init__(self, message: str, part: str = "", version: int | None = None):
        super().__init__(message)
        self.part = part
        self.version = version


def check_traffic(traffic: Traffic, versions: set[int]) -> None:
    """TrafficRefused unless all versions exist, arms differ, and their shares are positive and leave the champion its own."""
    arms = [*traffic.split, *([traffic.canary] if traffic.canary else [])]
    for version in [traffic.champion, *(arm.version for arm in arms), *([traffic.shadow] if traffic.shadow is not None else [])]:
        if version not in versions:
            there = ", ".join(map(str, sorted(versions))) or "none"
            raise TrafficRefused(f"version {version} does not exist; there are {there}", "version", version)
    named = [traffic.champion, *(arm.version for arm in arms)]
    if len(set(named)) < len(named):
        twice = next(version for at, version in enumerate(named) if version in named[:at])
        raise TrafficRefused(
            "a version stands in traffic twice: champion, canary and the arms of a split have to differ", "version", twice
        )
    for arm in arms:
        if not 0.0 < arm.share < 1.0:
            said = f"the share of version {arm.version} is {arm.share:g}: expected more than 0 and less than 1"
            raise TrafficRefused(said, "share", arm.version)
    if sum(arm.share for arm in arms) > 1.0 + 1e-9:
        raise TrafficRefused(f"the shares add up to {sum(arm.share for arm in arms):g}, more than 1", "share")


def position(service: str, key: str) -> float:
    """Where a visitor stands in [0, 1): from a keyed hash of service and key, independent between services."""
    hashed = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=service.encode()[:64]).digest()
    return int.from_bytes(hashed, "big") / (1 << _BITS)


def chooser(service: str, traffic: Traffic) -> Callable[[str | None], int] | None:
    """A function from the sticky key of a request (or None: at random) to a version; None when the champion answers everyone.

    The arms of a split take [0, 1) from its beginning, the canary from its end: a canary that grows keeps the visitors it has and
    takes others from the champion only.
    """
    if traffic.canary is None and not traffic.split:
        return None
    bounds: list[tuple[float, int]] = []
    upper = 0.0
    for arm in traffic.split:
        upper += arm.share
        bounds.append((upper, arm.version))
    canary_from, canary = (1.0 - traffic.canary.share, traffic.canary.version) if traffic.canary else (2.0, traffic.champion)
    champion = traffic.champion

    def choose(key: str | None) -> int:
        at = random.random() if key is None else position(service, key)
        if at >= canary_from:
            return canary
        for bound, version in bounds:
            if at < bound:
                return version
        return champion

    return choose
