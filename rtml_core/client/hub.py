"""What a hub is asked, as operations: publishing, steering, listing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from rtml_core.client.answers import read, refusal
from rtml_core.client.errors import ClientError, HubAway, NotTakenUp, Tried
from rtml_core.client.exchange import Failure, Flow, Outcome, Pause, Reply, Send, send
from rtml_core.client.records import Published, Rollout
from rtml_core.client.retry import PASSING, backoff, retry_after
from rtml_core.client.scoring import hub_away
from rtml_core.errors import describe

T = TypeVar("T")
_CONNECT: Final = 5.0
#: seconds of one long poll for a rollout
_POLL: Final = 5.0
_MAX_PACKAGE: Final = 1 << 30

Query = Mapping[str, Any]


def hub_path(*parts: object, query: Query | None = None) -> str:
    """/v1/... with every part and value escaped; a value of None is left out, a list is repeated."""
    path = "/v1/" + "/".join(quote(str(part), safe="") for part in parts)
    given: dict[str, Any] = {}
    for name, value in (query or {}).items():
        if isinstance(value, bool):
            given[name] = "true" if value else "false"
        elif value is not None:
            given[name] = value
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def package_bytes(package: Any) -> bytes:
    """The bytes of a package: a path, bytes, or what compile() gives. OSError when a file can't be read."""
    if isinstance(package, (bytes, bytearray, memoryview)):
        return bytes(package)
    if isinstance(package, (str, os.PathLike)):
        return Path(package).read_bytes()
    data = getattr(package, "data", None)
    if not isinstance(data, bytes):
        raise ClientError(f"expected a .rtml file, its bytes or what compile() gives, got {describe(package)}")
    return data


class HubCalls:
    """Operations on one hub. A request that changes something is repeated only when it surely did not arrive or says itself
    what it is about (a package by its content)."""

    def __init__(self, hub: str, retries: int, timeout: float, clock: Callable[[], float] = time.monotonic):
        self.hub = hub
        self._retries = retries
        self._timeout = timeout
        self._clock = clock

    def get(self, path: str, kind: type[T], wait: float = 0.0) -> Flow[T]:
        """Read something. wait: seconds that the hub may take on top, of a long poll."""
        reply = yield from self._call("GET", path, None, repeat=True, timeout=self._timeout + wait)
        return read(reply, kind, self.hub)

    def fetch(self, path: str, timeout: float) -> Flow[bytes]:
        """Bytes as they are."""
        reply = yield from self._call("GET", path, None, repeat=True, timeout=timeout, limit=_MAX_PACKAGE)
        return reply.body

    def change(self, method: str, path: str, kind: type[T], content: Any = None, seen: int | None = None) -> Flow[T]:
        """Change something, once. seen: only while that is the newest change of the service (Service.change); Conflict else."""
        body = None if content is None else msgspec.json.encode(content)
        headers = () if seen is None else (("if-match", f'"{seen}"'),)
        reply = yield from self._call(method, path, body, repeat=False, timeout=self._timeout, more=headers)
        return read(reply if reply.body else Reply(reply.status, reply.headers, b"null"), kind, self.hub)

    def publish(self, path: str, data: bytes, timeout: float) -> Flow[Published]:
        """Send a package; the same one twice is one version, so it may be repeated."""
        reply = yield from self._call("POST", path, data, repeat=True, timeout=timeout, content_type="application/octet-stream")
        return read(reply, Published, self.hub)

    def upload(self, path: str, data: bytes, content_type: str, kind: type[T], timeout: float) -> Flow[T]:
        """Send bytes, once."""
        reply = yield from self._call("POST", path, data, repeat=False, timeout=timeout, content_type=content_type)
        return read(reply, kind, self.hub)

    def rollout(
        self, service: str, revision: int | None, timeout: float, progress: Callable[[Rollout], object] | None = None
    ) -> Flow[Rollout]:
        """Wait until every edge of the service that is not away serves `revision` (None: the newest).

        progress is called with what is known so far, each time the hub says something new. Raises NotTakenUp when an edge can't
        load what it should, or not all do within `timeout` seconds.
        """
        deadline = self._clock() + timeout
        seen: Rollout | None = None
        while True:
            left = deadline - self._clock()
            wait = max(0.0, min(_POLL if seen is not None else 0.0, left))
            path = hub_path("services", service, "rollout", query={"revision": revision, "wait": f"{wait:g}"})
            found = yield from self.get(path, Rollout, wait)
            revision = found.revision if revision is None else revision
            if progress is not None and found != seen:
                progress(found)
            failed = failures(found)
            if failed:
                raise NotTakenUp(f"'{service}' can't be served everywhere: {'; '.join(failed)}", found)
            if found.complete:
                return found
            if self._clock() >= deadline:
                raise NotTakenUp(_late(found, timeout), found)
            if found == seen:  # a hub that does not wait, as a failure that it knows of is no news
                yield Pause(0.1)
            seen = found

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        repeat: bool,
        timeout: float,
        content_type: str = "application/json",
        limit: int | None = None,
        more: tuple[tuple[str, str], ...] = (),
    ) -> Flow[Reply]:
        deadline = self._clock() + timeout
        headers = more if body is None else (("content-type", content_type), *more)
        tried: list[Tried] = []
        for attempt in range(self._retries + 1):
            left = deadline - self._clock()
            request = Send(method, self.hub + path, body, headers, left, min(_CONNECT, left), fresh=not repeat)
            outcome = yield from send(request if limit is None else msgspec.structs.replace(request, limit=limit))
            if isinstance(outcome, Reply) and outcome.status < 300:
                return outcome
            pause = self._pause(outcome, attempt, repeat)
            tried.append(Tried(self.hub, outcome.why if isinstance(outcome, Failure) else f"answered {outcome.status}"))
            if pause is None or attempt == self._retries or self._clock() + pause >= deadline:
                raise self._given_up(outcome, tried, repeat)
            yield Pause(pause)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, outcome: Outcome, attempt: int, repeat: bool) -> float | None:
        """Seconds before it is sent again; None when it must not be or would not help."""
        if isinstance(outcome, Failure):
            return backoff(attempt + 1) if repeat or not outcome.arrived else None
        named = retry_after(outcome.headers)
        if outcome.status == 429 or (outcome.status == 503 and named is not None):  # refused before anything was done
            return max(named or 0.0, backoff(attempt + 1))
        return max(named or 0.0, backoff(attempt + 1)) if repeat and outcome.status in PASSING else None

    def _given_up(self, outcome: Outcome, tried: Sequence[Tried], repeat: bool) -> ClientError:
        if isinstance(outcome, Reply):
            return refusal(outcome, self.hub)
        if repeat or not outcome.arrived:
            return hub_away(self.hub, tried)
        return HubAway(
            f"the hub at {self.hub} did not answer ({outcome.why}); whether the change was made is not known: look before you"
            f" repeat it",
            tried,
            arrived=True,
        )


def failures(rollout: Rollout) -> list[str]:
    """What edges say that could not load the service as it is in this revision."""
    return [
        f"edge {edge.id} in {edge.region}: {service.problem or 'it failed to load'}"
        for edge in rollout.edges
        for service in edge.services
        if service.name == rollout.service
        and service.state == "failed"
        and (rollout.complete or edge.revision >= rollout.revision)
    ]


def _late(rollout: Rollout, timeout: float) -> str:
    behind = [
        f"{edge.id} in {edge.region}" for edge in rollout.edges if edge.state != "away" and edge.revision < rollout.revision
    ]
    return (
        f"'{rollout.service}' is changed at the hub, and {', '.join(behind) or 'an edge'} did not take it up within"
        f" {timeout:g} s; they go on with what they had, and follow when they can: rtml edges list"
    )
