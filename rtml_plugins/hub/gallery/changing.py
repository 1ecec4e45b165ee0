"""Forms that change who answers: what is typed, and the traffic that it means.

A form is sent twice: first to see what it would do, then, with `confirm`, to do it. What was typed goes along, so that nothing is
lost when it can't be done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from rtml_core.client.records import Arm, Service, Traffic
from rtml_core.errors import describe
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.routing import TrafficRefused

#: what a form can ask for; to end is to end the canary, the split or the shadow
ACTIONS: Final = ("canary", "split", "shadow", "champion", "rollback", "end", "deprecate", "restore")
#: arms of a split that a form has at most
MOST_ARMS: Final = 20
_PERCENT: Final = re.compile(r"\s*([0-9]{1,9})(?:[.,]([0-9]{1,9}))?\s*%?\s*")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST: Final = 10_000


@dataclass
class Asked:
    """What a form asks for. typed: its fields as they came. after: the traffic then; None where it is not about traffic, or
    errors, by field, are in the way; "" is the whole form."""

    action: str
    typed: Mapping[str, str]
    after: Traffic | None = None
    errors: dict[str, str] = field(default_factory=dict)

    def told(self, name: str, otherwise: object = "") -> str:
        """What a field of the form holds."""
        return self.typed.get(name, "" if otherwise is None else str(otherwise))

    @property
    def arms(self) -> list[int]:
        """Numbers of the arms of a split that were sent."""
        numbers = (name.removeprefix("version") for name in self.typed if name.startswith("version"))
        return sorted(int(number) for number in numbers if _NUMBER.fullmatch(number) and int(number) <= MOST_ARMS)

    def refuse(self, error: TrafficRefused) -> None:
        """Put what can't be served to the field that it is about."""
        name = {"version": "version", "share": "share", "sticky": "sticky"}.get(error.part, "")
        if self.action == "split" and name in ("version", "share"):
            there = [arm for arm in self.arms if self.told(f"version{arm}").strip() == str(error.version)]
            arms = there or [arm for arm in self.arms if self.told(f"version{arm}").strip()]
            name = f"{name}{arms[-1]}" if arms else ""
        elif name not in self.typed:
            name = ""
        self.errors[name] = f"{str(error)[:1].upper()}{str(error)[1:]}."


def asked(form: Mapping[str, str], service: Service, champions: Sequence[tuple[int, str]]) -> Asked:
    """What a form asks for, as far as it can be read. Problem 400 for what is no form of ours."""
    action = form.get("action", "")
    if action not in ACTIONS:
        raise Problem(
            400, "malformed-request", f"the form asks for {describe(action)}: send it again from the page of the traffic"
        )
    typed = {name: text[:_LONGEST] for name, text in form.items() if name not in ("csrf", "confirm", "action")}
    wanted = Asked(action, typed)
    if action in ("deprecate", "restore"):
        return wanted
    after = _READ[action](wanted, service, champions)
    if not wanted.errors:
        wanted.after = after
        if after == service.traffic:
            wanted.errors[""] = "Nothing would change: it is like that already."
    return wanted


def _canary(wanted: Asked, service: Service, _: Sequence[tuple[int, str]]) -> Traffic:
    version, share = _version(wanted, "version"), _share(wanted, "share")
    return replace(service.traffic, canary=Arm(version, share), sticky=_sticky(wanted))


def _split(wanted: Asked, service: Service, _: Sequence[tuple[int, str]]) -> Traffic:
    arms = []
    for number in wanted.arms:
        names = f"version{number}", f"share{number}"
        if any(wanted.told(name).strip() for name in names):
            arms.append(Arm(_version(wanted, names[0]), _share(wanted, names[1])))
    if not arms:
        wanted.errors[""] = "Name at least one version besides the champion, with its share."
    return replace(service.traffic, split=tuple(arms), sticky=_sticky(wanted))


def _shadow(wanted: Asked, service: Service, _: Sequence[tuple[int, str]]) -> Traffic:
    return replace(service.traffic, shadow=_version(wanted, "version"))


def _champion(wanted: Asked, service: Service, _: Sequence[tuple[int, str]]) -> Traffic:
    version = _version(wanted, "version")
    shadow = None if service.traffic.shadow == version else service.traffic.shadow
    return Traffic(version, shadow=shadow, sticky=service.traffic.sticky)


def _rollback(wanted: Asked, service: Service, champions: Sequence[tuple[int, str]]) -> Traffic:
    if wanted.told("version").strip():
        version = _version(wanted, "version")
    elif len(champions) > 1:
        version = champions[-2][0]
    else:
        wanted.errors["version"] = "There was no champion before this one: choose a version."
        version = service.traffic.champion
    return Traffic(version, sticky=service.traffic.sticky)


def _end(wanted: Asked, service: Service, _: Sequence[tuple[int, str]]) -> Traffic:
    now, what = service.traffic, wanted.told("what")
    if what == "canary":
        return replace(now, canary=None)
    if what == "split":
        return replace(now, split=())
    if what == "shadow":
        return replace(now, shadow=None)
    raise Problem(
        400, "malformed-request", f"there is no {describe(what)} to end: send the form again from the page of the traffic"
    )


_READ: Final = {
    "canary": _canary,
    "split": _split,
    "shadow": _shadow,
    "champion": _champion,
    "rollback": _rollback,
    "end": _end,
}


def _version(wanted: Asked, name: str) -> int:
    text = wanted.told(name).strip()
    if not _NUMBER.fullmatch(text):
        wanted.errors[name] = "Choose a version." if not text else f"Expected the number of a version, got {describe(text)}."
        return 0
    return int(text)


def _share(wanted: Asked, name: str) -> float:
    text = wanted.told(name)
    try:
        return share_of(text)
    except ValueError as error:
        wanted.errors[name] = str(error)
        return 0.0


def share_of(text: str) -> float:
    """A share typed in percent, with a comma or a point: "12,5", "12.5 %". ValueError with a sentence for what is none."""
    found = _PERCENT.fullmatch(text)
    if found is None:
        got = f"got {describe(text.strip())}" if text.strip() else "got nothing"
        raise ValueError(f"Expected a share in percent, e.g. 20 or 0.5; {got}.")
    share = float(Decimal(f"{found[1]}.{found[2] or 0}") / 100)
    if not 0 < share < 1:
        raise ValueError(f"Expected more than 0 and less than 100 percent; got {describe(text.strip())}.")
    return share


def _sticky(wanted: Asked) -> str | None:
    return wanted.told("sticky").strip() or None
