"""Random operations against a simple model: what a hub is, said a second time, in dictionaries and lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.hub.errors import Conflict, NotFound, Refused
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.routing import TrafficRefused
from rtml_plugins.serving.wire import RegionState
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import SCHEMA, package
from tests.unit.hub.steer import promote

NAMES = ("churn", "price")
REGIONS = ("na", "emea")
#: two signatures, of which the second takes less than the first
PACKAGES = [(number, strict) for number in range(4) for strict in (False, True)]

names = st.sampled_from(NAMES)
numbers = st.integers(1, 5)
maybe = st.none() | numbers
shares = st.sampled_from([0.1, 0.5, 0.9])
regions = st.sets(st.sampled_from(REGIONS))


def bytes_of(chosen: tuple[int, bool]) -> bytes:
    number, strict = chosen
    return package(number, schema={**SCHEMA, "age": {"type": "float?", "max": 100}} if strict else SCHEMA)


@dataclass
class Service:
    """A service of the model. packages: by version; stack: champions, the present one last."""

    packages: dict[int, tuple[int, bool]]
    traffic: Traffic
    stack: list[int]
    regions: set[str]
    description: str = ""
    deprecation: str | None = None

    def arms(self) -> list[Arm]:
        return [*([self.traffic.canary] if self.traffic.canary else []), *self.traffic.split]

    def held(self) -> set[int]:
        before = self.stack[-2:-1]
        shadow = [] if self.traffic.shadow is None else [self.traffic.shadow]
        return {self.traffic.champion, *(arm.version for arm in self.arms()), *before, *shadow}


@dataclass
class Model:
    services: dict[str, Service] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    changes: int = 0


class Operations(RuleBasedStateMachine):
    """Each operation is done to the hub and to the model; both refuse it, or both do it."""

    def __init__(self, place: Place):
        super().__init__()
        place.url = ""
        self.hubs: list[Hub] = [place.open(), place.open()]
        self.turn = 0
        self.model = Model()
        self.states: dict[str, RegionState] = {}
        self.audited = 0

    @property
    def hub(self) -> Hub:
        self.turn += 1
        return self.hubs[self.turn % 2]

    def teardown(self) -> None:
        for hub in self.hubs:
            hub.close()

    def expect(self, call: Callable[[], Any], refusal: type[Exception] | None) -> Any:
        if refusal is None:
            return call()
        with pytest.raises(refusal):
            call()
        return None

    # ---- operations ---------------------------------------------------------------------------------------------------------

    @rule(
        name=names,
        chosen=st.sampled_from(PACKAGES),
        where=regions,
        share=st.none() | shares,
        traffic=st.sampled_from(["champion", "keep"]),
        anyway=st.booleans(),
    )
    def publish(
        self, name: str, chosen: tuple[int, bool], where: set[str], share: float | None, traffic: Any, anyway: bool
    ) -> None:
        known = self.model.services.get(name)
        options = {"regions": sorted(where), "share": share, "traffic": traffic, "allow_incompatible": anyway}
        call = lambda: self.hub.publish(name, bytes_of(chosen), actor="ada", **options)  # noqa: E731
        if share is not None and traffic == "keep":
            self.expect(call, Refused)
            return
        if known is not None and chosen in known.packages.values():
            made = self.expect(call, None)
            known.regions |= where
            assert (made.created, known.packages[made.version]) == (False, chosen)
            return
        after, refusal = self._published(known, name, chosen, where, share, traffic, anyway)
        made = self.expect(call, refusal)
        if refusal is None:
            assert after is not None
            self.model.counted[name] = self.model.counted.get(name, 0) + 1
            self.model.services[name] = after
            assert (made.version, made.created) == (self.model.counted[name], True)

    def _published(
        self, known: Service | None, name: str, chosen: Any, where: set[str], share: float | None, traffic: str, anyway: bool
    ) -> tuple[Service | None, type[Exception] | None]:
        number = self.model.counted.get(name, 0) + 1
        if known is None:
            return Service({number: chosen}, Traffic(number), [number], where or {"na"}), None
        if chosen[1] and not known.packages[known.traffic.champion][1] and not anyway:
            return None, Refused
        now = known.traffic
        if share is not None:
            now = replace(now, canary=Arm(number, share))
            if share + sum(arm.share for arm in now.split) > 1.0 + 1e-9:
                return None, TrafficRefused
        elif traffic == "champion":
            if known.arms():
                return None, Conflict
            now = replace(now, champion=number)
        stack = known.stack if known.stack[-1] == now.champion else [*known.stack, now.champion]
        after = replace(known, packages={**known.packages, number: chosen}, traffic=now, stack=stack)
        return replace(after, regions=known.regions | where), None

    def _kept_canary(
        self, known: Service, number: int, chosen: Any, where: set[str], share: float
    ) -> tuple[Service | None, type[Exception] | None]:
        if share + sum(arm.share for arm in known.traffic.split) > 1.0 + 1e-9:
            return None, TrafficRefused
        now = replace(known.traffic, canary=Arm(number, share))
        return replace(known, packages={**known.packages, number: chosen}, traffic=now, regions=known.regions | where), None

    @rule(
        name=names,
        champion=numbers,
        canary=st.none() | numbers,
        share=shares,
        arm=st.none() | numbers,
        shadow=st.none() | numbers,
    )
    def set_traffic(
        self, name: str, champion: int, canary: int | None, share: float, arm: int | None, shadow: int | None
    ) -> None:
        split = () if arm is None else (Arm(arm, 0.3),)
        wanted = Traffic(champion, None if canary is None else Arm(canary, share), split, shadow)
        known = self.model.services.get(name)
        named = [number for number in (champion, canary, arm) if number is not None]
        refusal: type[Exception] | None = NotFound if known is None else None
        if known is not None:
            missing = [n for n in [*named, *([] if shadow is None else [shadow])] if n not in known.packages]
            over = (share if canary is not None else 0) + (0.3 if arm is not None else 0) > 1 + 1e-9
            if missing or len(set(named)) < len(named) or over:
                refusal = TrafficRefused
        self.expect(lambda: self.hub.set_traffic(name, wanted, actor="ada"), refusal)
        if known is not None and refusal is None:
            known.traffic = wanted
            if known.stack[-1] != champion:
                known.stack.append(champion)

    @rule(name=names, to=st.none() | numbers)
    def rollback(self, name: str, to: int | None) -> None:
        known = self.model.services.get(name)
        refusal: type[Exception] | None = None
        if known is None or (to is not None and to not in known.packages):
            refusal = NotFound
        elif to is None and len(known.stack) < 2:
            refusal = Conflict
        self.expect(lambda: self.hub.rollback(name, to, actor="ada"), refusal)
        if known is None or refusal is not None:
            return
        if to is None:
            known.stack.pop()
        elif to in known.stack:
            while known.stack[-1] != to:
                known.stack.pop()
        else:
            known.stack.append(to)
        known.traffic = Traffic(known.stack[-1])

    @rule(name=names)
    def promote(self, name: str) -> None:
        known = self.model.services.get(name)
        canary = None if known is None else known.traffic.canary
        if known is not None and canary is not None:
            promote(self.hub, name)
            shadow = None if known.traffic.shadow == canary.version else known.traffic.shadow
            known.traffic = replace(known.traffic, champion=canary.version, canary=None, shadow=shadow)
            if known.stack[-1] != canary.version:
                known.stack.append(canary.version)

    @precondition(lambda self: self.model.services)
    @rule(data=st.data(), where=regions, text=st.sampled_from(["", "x", "y"]))
    def update(self, data: st.DataObject, where: set[str], text: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.services)))
        known = self.model.services[name]
        self.expect(
            lambda: self.hub.update(name, actor="ada", description=text, regions=sorted(where)), None if where else Conflict
        )
        if where:
            known.regions, known.description = where, text

    @precondition(lambda self: self.model.services)
    @rule(data=st.data(), reason=st.none() | st.sampled_from(["old", "older"]))
    def deprecate(self, data: st.DataObject, reason: str | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.services)))
        if reason is None:
            self.hub.restore(name, actor="ada")
        else:
            self.hub.deprecate(name, reason=reason, actor="ada")
        self.model.services[name].deprecation = reason

    @rule(name=names)
    def delete(self, name: str) -> None:
        known = self.model.services.pop(name, None)
        self.expect(lambda: self.hub.delete(name, actor="ada"), NotFound if known is None else None)

    # ---- what always holds ----------------------------------------------------------------------------------------------------

    @invariant()
    def the_hub_is_as_the_model_says(self) -> None:
        services, total = self.hub.list()
        assert [service.name for service in services] == sorted(self.model.services)
        assert total == len(services)
        for service in services:
            known = self.model.services[service.name]
            assert service.traffic == known.traffic
            assert service.traffic.champion == known.stack[-1]
            assert [version.version for version in service.versions] == sorted(known.packages, reverse=True)
            assert service.regions == tuple(sorted(known.regions))
            assert (service.deprecated is not None) == (known.deprecation is not None)
            assert service.deprecation == (known.deprecation or "")
            assert sum(arm.share for arm in known.arms()) <= 1 + 1e-9

    @invariant()
    def revisions_grow_exactly_when_edges_see_a_change(self) -> None:
        for region in REGIONS:
            state = self.hub.region_state(region)
            assert state.revision == self.hub.revision(region)
            assert {entry.name: {one.version for one in entry.versions} for entry in state.services} == {
                name: known.held() for name, known in self.model.services.items() if region in known.regions
            }
            before = self.states.get(region)
            if before is not None:
                same = (state.services, state.keys) == (before.services, before.keys)
                assert (state.revision == before.revision) == same, (before, state)
                assert state.revision >= before.revision
            self.states[region] = state

    @invariant()
    def the_audit_log_only_grows(self) -> None:
        entries = self.hub.audit(limit=1000)
        assert len(entries) >= self.audited
        assert [entry.number for entry in entries] == sorted((entry.number for entry in entries), reverse=True)
        self.audited = len(entries)


def test_random_operations(place: Place) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    number = 4 if "://" in place.database() else 10
    examples = settings(max_examples=number, stateful_step_count=25, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(lambda: Operations(place), settings=examples)
