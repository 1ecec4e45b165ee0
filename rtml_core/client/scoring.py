"""Scoring as an operation: find edges, ask one, fall back to the next, within a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from rtml_core.client.answers import Prediction, read, read_predictions, refusal
from rtml_core.client.errors import BadAnswer, ClientError, EdgeAway, HubAway, Refused, Tried
from rtml_core.client.exchange import Failure, Flow, Outcome, Pause, Reply, Send, send
from rtml_core.client.records import Edge
from rtml_core.client.retry import PASSING, backoff, retry_after
from rtml_core.client.targets import Target, Targets
from rtml_core.errors import describe

#: seconds after which a hub is asked again which edges there are, and after which it is when it did not answer
_FRESH: Final = 60.0
_HUB_REST: Final = 5.0
#: seconds that a hub has when edges are known already
_LOOK: Final = 1.0
_CONNECT: Final = 2.0
#: an edge that answers 503 without saying for how long
_BUSY: Final = 0.1


class _Edges(msgspec.Struct):
    edges: list[Edge]


class Scoring:
    """Operations on edges. retries: rounds over all edges after the first one. Safe across threads."""

    def __init__(
        self,
        hub: str,
        edges: Sequence[tuple[str, str]] | None,
        regions: Sequence[str],
        retries: int,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._hub = hub
        self._fixed = edges is not None
        self._retries = retries
        self._clock = clock
        self.targets = Targets(regions)
        if edges is not None:
            self.targets.set_fixed(edges)
        self._look_at = float("-inf")
        self._looked = float("-inf")

    def forget(self) -> None:
        """Ask the hub for edges before the next score: something changed."""
        self._look_at = float("-inf")

    def predict(
        self, path: str, service: str, body: bytes, headers: tuple[tuple[str, str], ...], timeout: float
    ) -> Flow[list[Prediction]]:
        """POST body to `path` of an edge. Scoring changes nothing, so it is repeated whenever that may help.

        Raises Refused when an edge refuses it, EdgeAway when none answers within `timeout` seconds, HubAway when the edges are
        not known and no hub answers.
        """
        deadline = self._clock() + timeout
        tried: list[Tried] = []
        limited: Refused | BadAnswer | None = None
        headers = (("content-type", "application/json"), *headers)
        for attempt in range(self._retries + 1):
            yield from self._look(deadline)
            unknown: Refused | BadAnswer | None = None
            limited = None
            missing, wait = 0, 0.0
            plan = self.targets.plan(service, self._clock())
            for place, target in enumerate(plan):
                begun = self._clock()
                left = deadline - begun
                if left <= 0:
                    break
                outcome = yield from self._ask(target, path, body, headers, left if place + 1 == len(plan) else left / 2)
                if isinstance(outcome, Reply) and outcome.status == 200:
                    target.succeed()
                    return read_predictions(outcome, target.region, target.url)
                if isinstance(outcome, Reply) and outcome.status == 404:
                    unknown, missing = refusal(outcome, target.url), missing + 1
                    tried.append(Tried(target.url, str(unknown)))
                    continue
                wait = max(wait, self._note(target, outcome, begun, tried))
                missing += target.lacks(service)
                if isinstance(outcome, Reply) and outcome.status == 429:
                    limited = refusal(outcome, target.url)
                    break  # the limit is that of the key: another edge is no way around it
            if unknown is not None and missing == len(plan):
                self._stale()
                raise unknown
            pause = max(wait, backoff(attempt + 1))
            if attempt == self._retries or self._clock() + pause >= deadline:
                break
            yield Pause(pause)
        if limited is not None:
            raise limited
        raise self._away(tried, service, timeout)

    def _ask(self, target: Target, path: str, body: bytes, headers: tuple[tuple[str, str], ...], timeout: float) -> Flow[Outcome]:
        """One edge. A kept connection that broke says little about the edge, so it gets a second one."""
        begun = self._clock()
        target.begin(begun)
        request = Send("POST", target.url + path, body, headers, timeout, min(_CONNECT, timeout))
        outcome = yield from send(request)
        left = timeout - (self._clock() - begun)
        if isinstance(outcome, Failure) and outcome.kind == "broken" and left > 0:
            again = msgspec.structs.replace(request, timeout=left, connect=min(_CONNECT, left))
            outcome = yield from send(again)
        return outcome

    def _note(self, target: Target, outcome: Outcome, begun: float, tried: list[Tried]) -> float:
        """What an outcome says about the edge; seconds to wait before it is asked again. Raises what no other edge would cure."""
        now = self._clock()
        if isinstance(outcome, Failure):
            target.fail(begun, now)
            self._stale()
            tried.append(Tried(target.url, outcome.why))
            return 0.0
        named = retry_after(outcome.headers)
        if outcome.status in PASSING:
            target.busy(now + (_BUSY if named is None else named))
            tried.append(Tried(target.url, str(refusal(outcome, target.url)) if outcome.body else f"answered {outcome.status}"))
            return named or 0.0
        target.succeed()
        if outcome.status == 429 and named is not None:
            tried.append(Tried(target.url, str(refusal(outcome, target.url))))
            return max(named, 0.001)
        raise refusal(outcome, target.url)

    def _away(self, tried: Sequence[Tried], service: str, timeout: float) -> ClientError:
        if not len(self.targets):
            return EdgeAway(
                f"the hub at {self._hub} knows no edge; start one with `rtml edge --hub {self._hub} --region na`, or `rtml up`"
            )
        last = list({entry.address: entry for entry in tried}.values())
        shown = "; ".join(map(str, last[:5])) + (f"; and {len(last) - 5} more" if len(last) > 5 else "")
        return EdgeAway(f"no edge scored '{service}' within {timeout:g} s: {shown or 'time was up before one was asked'}", tried)

    def _stale(self) -> None:
        self._look_at = min(self._look_at, self._looked + _LOOK)

    def _look(self, deadline: float) -> Flow[None]:
        """Ask the hub which edges there are, when it is time to. What was known stays when it does not answer."""
        now = self._clock()
        if self._fixed or now < self._look_at:
            return
        known = len(self.targets) > 0
        self._look_at = now + _HUB_REST if known else self._look_at  # one thread asks, the others go on with what is known
        self._looked = now
        left = deadline - now
        timeout = min(left, _LOOK) if known else left
        outcome = yield from send(Send("GET", f"{self._hub}/v1/edges", timeout=timeout, connect=min(_CONNECT, timeout)))
        if isinstance(outcome, Reply) and outcome.status == 200:
            try:
                found = read(outcome, _Edges, self._hub).edges
            except BadAnswer:
                if known:
                    return
                raise
            if found or not known:
                self.targets.set_edges(found, self._clock())
            self._look_at = self._clock() + (_FRESH if found else 0.0)
        elif not known:
            raise self._no_hub(outcome)

    def _no_hub(self, outcome: Outcome) -> ClientError:
        if isinstance(outcome, Reply) and outcome.status not in PASSING:
            return refusal(outcome, self._hub)
        why = outcome.why if isinstance(outcome, Failure) else f"answered {outcome.status}"
        return hub_away(self._hub, [Tried(self._hub, why)])


def hub_away(hub: str, tried: Sequence[Tried]) -> HubAway:
    """The error when nothing arrived at a hub."""
    whys = "; ".join(dict.fromkeys(entry.why for entry in tried))
    return HubAway(f"no hub answers at {hub} ({whys}): start one with `rtml up`, or name another (RTML_HUB)", tried)


def scoring_path(service: str, version: int | None, explain: bool) -> str:
    """Path and query of a score."""
    from urllib.parse import quote

    named = f"/v1/services/{quote(service, safe='')}" + ("" if version is None else f"/versions/{int(version)}") + "/predict"
    return named + "?explain=columns" if explain else named


def scoring_body(rows: Any, columns: Mapping[str, Sequence[Any]] | None) -> bytes:
    """The JSON of one row (a mapping), rows (a list of them) or columns; ClientError when it is none of these."""
    if (rows is None) == (columns is None):
        raise ClientError("give one row or rows to score, or columns=, and not both")
    if columns is not None:
        content: Any = {"columns": {name: _listed(values) for name, values in columns.items()}}
    elif isinstance(rows, Mapping):
        content = {"rows": [rows]}
    elif isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)) and all(isinstance(row, Mapping) for row in rows):
        content = {"rows": rows}
    else:
        raise ClientError(f"expected a row (a dict), rows (a list of dicts) or columns=, got {describe(rows)}")
    try:
        return _encoder.encode(content)
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise ClientError(f"a value can't be sent as JSON: {error}") from None


def _listed(values: Any) -> Any:
    """A column as a list: of a Series or an array too. Times of numpy as they are: its tolist() makes numbers of nanoseconds."""
    if not hasattr(values, "tolist"):
        return values
    return list(values) if getattr(getattr(values, "dtype", None), "kind", "") == "M" else values.tolist()


def _plain(value: Any) -> Any:
    """What msgspec does not know: numbers and times of numpy and pandas, other mappings, arrays. Missing is null."""
    if getattr(getattr(value, "dtype", None), "kind", "") == "M" and not getattr(value, "shape", ()):
        return None if str(value) == "NaT" else str(value)
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return None if text == "NaT" else text
    if type(value).__name__ == "NAType":
        return None
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{describe(value)} is no JSON value")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
