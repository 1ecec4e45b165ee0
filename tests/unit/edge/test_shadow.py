"""Shadow versions: compared after the answer, never felt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.edge import metrics, shadow
from rtml_plugins.edge.batching import LARGE_BODY
from tests.unit.edge import apps, packages

PREDICT = "/v1/services/churn/predict"


@pytest.fixture(autouse=True)
def counted() -> Any:
    metrics.reset()
    yield
    metrics.reset()


def asked(one: Any, *bodies: Any, path: str = PREDICT) -> list[int]:
    """Statuses of requests of one turn of the event loop, after which shadows have had theirs."""

    async def run() -> list[int]:
        answers = await asyncio.gather(*(apps.asked(one, path, body) for body in bodies))
        while one.shadow._queue:
            await asyncio.sleep(0)
        return [response.status for response, _ in answers]

    return asyncio.run(run())


def test_rows_are_compared_output_by_output(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1, 3, champion=1, shadow=3))
    assert asked(one, {"x": 1}, {"rows": [{"x": 2}, {"x": 3}]}, {"x": "y"}) == [200, 200, 422]
    (found,) = one.shadow.report()["churn"]
    assert found["mean_absolute_difference"] == {"x": 0.0, "says": 2.0}
    assert found["largest"] == {"output": "says", "difference": 2.0}
    assert {k: found[k] for k in ("shadow", "version", "rows", "equal", "failures", "dropped")} == {
        "shadow": 3, "version": 1, "rows": 3, "equal": 0, "failures": 0, "dropped": 0,
    }  # fmt: skip
    assert metrics._counters == {("shadow_rows", ("churn", "3", "differs")): 3, ("problems", ("invalid-input",)): 1}


def test_a_request_for_one_version_has_no_shadow(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1, 3, champion=1, shadow=3))
    assert asked(one, {"x": 1}, path="/v1/services/churn/versions/1/predict") == [200]
    assert one.shadow.report() == {}


def test_a_shadow_that_fails_is_counted_and_not_felt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = apps.app(tmp_path, packages.service(1, 3, champion=1, shadow=3))

    def fails(*_: Any) -> Any:
        raise RuntimeError("no")

    broken = type("Broken", (), {"decode": fails})
    monkeypatch.setattr(one.snapshot.services["churn"].shadow.scorer, "rows", broken)  # type: ignore[union-attr]
    assert asked(one, {"x": 1}) == [200]
    assert one.shadow.report()["churn"][0]["failures"] == 1


def test_what_comes_while_many_wait_is_dropped_and_so_are_large_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "MOST", 2)
    one = apps.app(tmp_path, packages.service(1, 3, champion=1, shadow=3))
    assert asked(one, *[{"x": 1}] * 5) == [200] * 5
    assert asked(one, {"rows": [{"x": 1}] * (shadow.MOST_ROWS + 1)}) == [200]
    service = one.snapshot.services["churn"]
    one.shadow.offer(service, service.champion, b" " * LARGE_BODY + b'{"x": 1}', b"[]")  # is not even read
    (found,) = one.shadow.report()["churn"]
    assert (found["rows"], found["dropped"]) == (2, 5)


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1, 3, champion=1, shadow=3))
    asked(one, {"x": 1})
    one.shadow.forget(one.snapshot.services)
    assert one.shadow.report()
    one.shadow.forget({})
    assert one.shadow.report() == {}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": 1.0}, {"a": 1.0 + 1e-12}, 1),
        ({"a": 1.0}, {"a": 1.1}, 0),
        ({"a": "x", "b": True, "c": None}, {"a": "x", "b": True, "c": None}, 1),
        ({"a": True}, {"a": 1}, 1),
        ({"a": None}, {"a": 0.0}, 0),
        ({"a": 1}, {"a": 1, "b": 2}, 0),
    ],
)
def test_agreement_of_a_row(one: dict[str, Any], other: dict[str, Any], equal: int) -> None:
    assert shadow.compare([one], [other], {}) == equal


def test_the_largest_difference_is_kept_and_none_is_none() -> None:
    found = shadow.Comparison(differences={})
    assert found.report()["largest"] is None
    for apart in (0.0, 0.5, 0.25):
        shadow.compare([{"a": 1.0, "b": 2, "c": "x"}], [{"a": 1.0 + apart, "b": 2, "c": "x"}], found.differences)
        assert found.report()["largest"] == ({"output": "a", "difference": 0.5} if apart else None)
