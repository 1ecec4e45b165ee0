"""A world without a network or a clock in which operations run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from rtml_core.client.exchange import Flow, Outcome, Pause, Reply, Send

#: what a server does: a request -> (seconds that it takes, what comes of it)
Behaviour = Callable[[Send], tuple[float, Outcome]]
SCORED = {"service": "churn", "version": 3, "predictions": [{"propensity": 0.25}], "request_id": "r1"}


class World:
    """Servers by "host:port". An answer that takes longer than the request's timeout is a failure at that time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.servers: dict[str, Behaviour] = {}
        self.sent: list[Send] = []
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    def run(self, flow: Flow[Any]) -> Any:
        outcome: Outcome | None = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value
            if isinstance(step, Pause):
                assert step.seconds > 0
                self.now += step.seconds
                self.pauses.append(step.seconds)
                outcome = None
            else:
                assert step.timeout > 0
                assert 0 < step.connect <= step.timeout
                self.sent.append(step)
                seconds, outcome = self.servers[urlsplit(step.url).netloc](step)
                self.now += min(seconds, step.timeout)

    def asked(self) -> list[str]:
        """Who was asked, in order."""
        return [urlsplit(send.url).netloc for send in self.sent]


def reply(status: int, content: Any, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(content).encode())


def always(outcome: Outcome, seconds: float = 0.001) -> Behaviour:
    return lambda send: (seconds, outcome)


def in_turn(*outcomes: Outcome) -> Behaviour:
    """One after the other, the last one for ever."""
    left = list(outcomes)
    return lambda send: (0.001, left.pop(0) if len(left) > 1 else left[0])


def problem(status: int, kind: str, detail: str, **more: Any) -> Reply:
    headers = more.pop("headers", {})
    return Reply(
        status,
        headers,
        json.dumps({"type": f"/problems/{kind}", "title": "No", "status": status, "detail": detail, **more}).encode(),
    )


def edge(url: str, region: str, *services: str, state: str = "ready") -> dict[str, Any]:
    """An edge as a hub tells of it, with a field that no client knows yet."""
    return {
        "id": url.rpartition(":")[2],
        "region": region,
        "url": url,
        "state": state,
        "revision": 1,
        "workers": 1,
        "rtml": "9.9",
        "started": "2026-11-21T10:15:00.000Z",
        "seen": "2026-11-21T10:15:00.000Z",
        "services": [{"name": name, "versions": [3], "state": "ready", "mood": "fine"} for name in services],
        "altitude": 3,
    }
