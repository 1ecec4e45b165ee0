"""Two surfaces of rtml compared: what of the difference breaks a plugin, and what only adds to what there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.api.surface import OVERRIDDEN, Surface


@dataclass
class Differences:
    """Sentences about what changed. breaking: a plugin may have to change; added: there is more; reworded: types in
    annotations, of which only a reader can say whether they take more or less than before."""

    breaking: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    reworded: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.breaking or self.added or self.reworded)


def compare(before: Surface, now: Surface) -> Differences:
    """What is different, name by name."""
    found = Differences()
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            found.breaking.append(f"{name} is gone")
        elif new != old:
            _changed(found, name, old, new)
    found.added += [f"{name} is new" for name in now if name not in before]
    return found


def _changed(found: Differences, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    if old["kind"] != new["kind"]:
        found.breaking.append(f"{name} was a {old['kind']} and is a {new['kind']}")
        return
    if old.get("as") != new.get("as"):
        found.breaking.append(f"{name} was {old['as']} and is {new['as']}")
    lost = [base for base in old.get("bases", []) if base not in new["bases"]]
    if lost:
        found.breaking.append(f"{name} is no {lost[0]} any more")
    elif old.get("bases") != new.get("bases"):
        found.added.append(f"{name} has another base: {', '.join(new['bases'])}")
    if "parameters" in old:
        if "parameters" not in new:
            found.breaking.append(f"{name} has no parameters any more")
        else:
            strict = name in OVERRIDDEN or name.startswith("rtml_core.hookspecs.")
            found.breaking += [f"{name}: {what}" for what in _narrower(old["parameters"], new["parameters"], strict)]
            found.added += [f"{name} takes '{p[0]}' too" for p in _fresh(old["parameters"], new["parameters"]) if not strict]
            found.reworded += [f"{name}: {what}" for what in _retyped(old["parameters"], new["parameters"])]
    if old["kind"] == "constant":
        _constant(found, name, old, new)
    for what, word in (("returns", "answers with"), ("type", "is of type")):
        if old["kind"] != "constant" and old.get(what) != new.get(what):
            found.reworded.append(f"{name} {word} {new.get(what) or 'anything'}, before {old.get(what) or 'anything'}")


def _constant(found: Differences, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = old.get("value"), new.get("value")
    if old["type"] != new["type"]:
        found.breaking.append(f"{name} was a {old['type']} and is a {new['type']}")
    elif isinstance(before, list) and isinstance(after, list) and set(before) <= set(after):
        found.added.append(f"{name} has {', '.join(item for item in after if item not in before)} too")
    elif before != after:
        found.breaking.append(f"{name} was {before} and is {after}")


def _fresh(old: list[list[str]], new: list[list[str]]) -> list[list[str]]:
    known = {p[0] for p in old}
    return [p for p in new if p[0] not in known]


def _narrower(old: list[list[str]], new: list[list[str]], strict: bool) -> Iterator[str]:
    """Calls that worked before and do not now. strict: plugins write this, so that rtml must not pass more either."""
    after = {p[0]: p for p in new}
    for parameter in old:
        name, kind = parameter[0], parameter[1]
        now = after.get(name)
        if now is None:
            yield f"parameter '{name}' is gone"
        elif now[1] != kind and not (kind != "positional or keyword" and now[1] == "positional or keyword"):
            yield f"parameter '{name}' was {kind} and is {now[1]}"
        elif len(parameter) == 4 and len(now) == 3:
            yield f"parameter '{name}' had the default {parameter[3]} and must be given now"
        elif len(parameter) == 4 and parameter[3] != now[3]:
            yield f"the default of '{name}' was {parameter[3]} and is {now[3]}"
    for parameter in _fresh(old, new):
        if strict:
            yield f"'{parameter[0]}' is passed too, which plugins that are written do not take"
        elif len(parameter) == 3 and not parameter[1].startswith("variadic"):
            yield f"'{parameter[0]}' must be given now"
    places = [[p[0] for p in each if p[1].startswith("positional")] for each in (old, new)]
    if places[1][: len(places[0])] != places[0] and set(places[0]) <= set(places[1]):
        yield f"the order of parameters was {', '.join(places[0])} and is {', '.join(places[1])}"


def _retyped(old: list[list[str]], new: list[list[str]]) -> Iterator[str]:
    after = {p[0]: p for p in new}
    for parameter in old:
        now = after.get(parameter[0])
        if now is not None and now[2] != parameter[2]:
            yield f"'{parameter[0]}' takes {now[2] or 'anything'}, before {parameter[2] or 'anything'}"
