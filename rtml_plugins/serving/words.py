"""Traffic in words, for people."""

from __future__ import annotations

from rtml_core.client.records import Traffic


def percent(share: float) -> str:
    """A share as people say it: "10 %", "0.5 %"."""
    return f"{round(100 * share, 4):g} %"


def traffic_words(traffic: Traffic) -> str:
    """Who answers, on one line: "3, canary 4 10 %, shadow 5"."""
    rest = 1.0 - sum(arm.share for arm in traffic.split)
    parts = [f"{traffic.champion} {percent(rest)}" if traffic.split else str(traffic.champion)]
    parts += [f"{arm.version} {percent(arm.share)}" for arm in traffic.split]
    if traffic.canary is not None:
        parts.append(f"canary {traffic.canary.version} {percent(traffic.canary.share)}")
    if traffic.shadow is not None:
        parts.append(f"shadow {traffic.shadow}")
    if traffic.sticky is not None and (traffic.split or traffic.canary is not None):
        parts.append(f"by {traffic.sticky}")
    return ", ".join(parts)
