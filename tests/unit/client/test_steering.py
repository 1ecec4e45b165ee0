"""Steering when somebody else steers, too: what was read is what is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rtml_core.client.errors import Conflict
from rtml_core.client.exchange import Send
from rtml_core.client.operations import Operations, with_canary, with_champion, with_shadow
from rtml_core.client.records import Arm, Service, Traffic
from tests.unit.client.world import World, problem, reply

Steering = Callable[[Operations], Any]


class Hub:
    """A service at a hub that checks If-Match. between: what others do, one after each time the service is read."""

    def __init__(self, *between: Callable[[Hub], object]):
        self.traffic = Traffic(2)
        self.owner = ""
        self.change = 7
        self.put: list[str | None] = []
        self._between = list(between)

    def set(self, traffic: Traffic) -> None:
        self.traffic, self.change = traffic, self.change + 1

    def own(self, owner: str) -> None:
        self.owner, self.change = owner, self.change + 1

    def __call__(self, send: Send) -> tuple[float, Any]:
        if send.method == "GET":
            answer = self._service()
            if self._between:
                self._between.pop(0)(self)
            return 0.001, answer
        given = dict(send.headers).get("if-match")
        self.put.append(given)
        if given not in (None, f'"{self.change}"'):
            return 0.001, problem(412, "changed", "grace set its traffic to 1 at noon. Look at it again")
        if send.url.endswith("/traffic"):
            self.set(msgspec.json.decode(send.body or b"", type=Traffic))
        else:
            self.set(Traffic(1))
        return 0.001, self._service()

    def _service(self) -> Any:
        return reply(200, json.loads(msgspec.json.encode(
            Service("s1", "churn", "", self.owner, ("na",), self.traffic, (), "", "", change=self.change)
        )))  # fmt: skip


def run(hub: Hub, steering: Steering) -> Service:
    world = World()
    world.servers = {"hub:1": hub}
    found: Service = world.run(steering(Operations("http://hub:1", None, None, None, 10.0, 3, None)))
    return found


CHANGES: list[Steering] = [
    lambda one: one.change_traffic("churn", with_canary(3, 0.1, None), False),
    lambda one: one.change_traffic("churn", with_champion("churn", 3), False),
    lambda one: one.change_traffic("churn", with_shadow(3), False),
    lambda one: one.rollback("churn", None, False),
]


@pytest.mark.parametrize("steering", CHANGES, ids=["canary", "promote", "shadow", "rollback"])
def test_what_somebody_else_set_is_not_overwritten(steering: Steering) -> None:
    hub = Hub(lambda one: one.set(Traffic(2, canary=Arm(4, 0.5))))
    with pytest.raises(Conflict, match="grace set its traffic to 1 at noon") as caught:
        run(hub, steering)
    assert (caught.value.status, caught.value.kind) == (412, "changed")
    assert (hub.traffic, hub.put) == (Traffic(2, canary=Arm(4, 0.5)), ['"7"'])


@pytest.mark.parametrize("steering", CHANGES, ids=["canary", "promote", "shadow", "rollback"])
def test_another_change_than_of_traffic_is_in_nobodys_way(steering: Steering) -> None:
    hub = Hub(lambda one: one.own("ops"), lambda one: one.own("growth"))
    assert run(hub, steering).traffic == hub.traffic != Traffic(2)
    assert (hub.owner, hub.put) == ("growth", ['"7"', '"8"', '"9"'])


def test_it_does_not_go_on_for_ever() -> None:
    hub = Hub(*[lambda one: one.own("ops")] * 50)
    with pytest.raises(Conflict):
        run(hub, CHANGES[0])
    assert len(hub.put) == 5


def test_what_names_all_that_it_wants_depends_on_nothing_read() -> None:
    hub = Hub(lambda one: one.set(Traffic(3)))
    assert run(hub, lambda one: one.rollback("churn", 1, False)).traffic == Traffic(1)
    assert run(hub, lambda one: one.set_traffic("churn", Traffic(2), False)).traffic == Traffic(2)
    assert hub.put == [None, None]
    with pytest.raises(Conflict):
        run(hub, lambda one: one.set_traffic("churn", Traffic(3), False, 7))
    assert hub.put[-1] == '"7"'
