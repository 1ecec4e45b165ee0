"""Traffic in sentences, for whoever looks at it or is about to change it."""

from __future__ import annotations

from rtml_core.client.records import Traffic

#: classes of charts: the champion, the canary, a shadow, and from there on the arms of a split
CHAMPION, CANARY, SHADOW, ARM = 1, 2, 7, 3


def of_hundred(share: float) -> str:
    """A share in people: "20 of 100", "5 of 1,000"."""
    for whole in (100, 1000, 10_000, 1_000_000):
        count = share * whole
        if count >= 1 and abs(count - round(count)) < 1e-6:
            return f"{round(count)} of {whole:,}"
    return f"{share * 100:.3g} of 100"


def people(traffic: Traffic) -> str:
    """Whom the arms are drawn from."""
    return "visitors" if traffic.sticky is not None else "requests"


def rest(traffic: Traffic) -> float:
    """The share of the champion."""
    canary = 0.0 if traffic.canary is None else traffic.canary.share
    return max(0.0, 1.0 - canary - sum(arm.share for arm in traffic.split))


def parts(traffic: Traffic) -> list[tuple[str, float, int]]:
    """Name, share and class of each arm, for charts.shares."""
    found = [(f"version {traffic.champion}, champion", rest(traffic), CHAMPION)]
    found += [(f"version {arm.version}", arm.share, ARM + at) for at, arm in enumerate(traffic.split)]
    if traffic.canary is not None:
        found.append((f"version {traffic.canary.version}, canary", traffic.canary.share, CANARY))
    return found


def classes(traffic: Traffic) -> dict[int, int]:
    """Class of charts by version, for those in traffic."""
    found = {} if traffic.shadow is None else {traffic.shadow: SHADOW}
    found |= {arm.version: ARM + at for at, arm in enumerate(traffic.split)}
    if traffic.canary is not None:
        found[traffic.canary.version] = CANARY
    return {**found, traffic.champion: CHAMPION}


def roles(traffic: Traffic) -> dict[int, str]:
    """What a version in traffic is, in a word."""
    found = {} if traffic.shadow is None else {traffic.shadow: "shadow"}
    found |= {arm.version: "split" for arm in traffic.split}
    if traffic.canary is not None:
        found[traffic.canary.version] = "canary"
    return {**found, traffic.champion: "champion"}


def sentences(traffic: Traffic) -> list[str]:
    """Who answers whom."""
    whom = people(traffic)
    if traffic.canary is None and not traffic.split:
        told = [f"Version {traffic.champion} answers everyone."]
    else:
        told = [f"Version {traffic.champion} answers about {of_hundred(rest(traffic))} {whom}."]
        told += [f"Version {arm.version} answers about {of_hundred(arm.share)}, as an arm of the split." for arm in traffic.split]
        if traffic.canary is not None:
            told.append(f"Version {traffic.canary.version} answers about {of_hundred(traffic.canary.share)}, as the canary.")
        told.append(
            f"The field {traffic.sticky} decides who gets which, so that each visitor stays with one version."
            if traffic.sticky is not None
            else "Each request is drawn by itself, so that a visitor may meet several versions; those with the header X-Rtml-Key"
            " stay with one."
        )
    if traffic.shadow is not None:
        told.append(f"Version {traffic.shadow} is the shadow: it scores the same rows, is compared, and answers nobody.")
    return told


def taken_back(before: Traffic, after: Traffic) -> str:
    """How a change is undone, in a sentence."""
    if after.champion != before.champion:
        arms = " Its canary and its split are not made again by that." if before.canary or before.split else ""
        return f"Roll back to version {before.champion}: edges keep it ready.{arms}"
    if after.canary != before.canary:
        was = before.canary
        if was is None:
            return "End the canary: everyone gets the champion again."
        if after.canary is not None and after.canary.version == was.version:
            return f"Set the canary's share to {100 * was.share:g} % again."
        return f"Make version {was.version} the canary again, with {100 * was.share:g} %."
    if after.split != before.split:
        return "End the split: everyone gets the champion again." if not before.split else "Set the split as it was."
    if after.shadow != before.shadow:
        return "End the shadow." if after.shadow is not None else f"Make version {before.shadow} the shadow again."
    return "Set the field as it was."
