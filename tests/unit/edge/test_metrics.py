"""What an edge counts, over all its processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from rtml_plugins.edge import metrics, metrics_text
from rtml_plugins.edge.exchange import Request
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Snapshot
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import KeyEntry, ServiceStatus


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[EdgeSettings]:
    """Settings of an edge in whose process nothing was counted yet."""
    metrics.reset()
    yield EdgeSettings(home=str(tmp_path), region="emea")
    metrics.reset()


def samples(settings: EdgeSettings) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a scrape by (name, labels without the region)."""
    text, _ = metrics_text.render(settings.folder, settings.region)
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            assert sample.labels.pop("region") == "emea"
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def other_process(settings: EdgeSettings, program: str) -> None:
    """Run lines in a process that counts for the same edge and ends."""
    lines = (
        "from pathlib import Path; from rtml_plugins.edge import metrics; from rtml_plugins.edge.settings import EdgeSettings\n"
        f"settings = EdgeSettings(home={settings.home!r}, region='emea')\n"
        f"{program}\nmetrics.Writer(settings).write()"
    )
    subprocess.run([sys.executable, "-c", lines], check=True)


def test_requests_are_a_histogram_by_service_version_outcome_and_region(settings: EdgeSettings) -> None:
    for seconds in (0.00004, 0.00005, 0.0002, 30.0):
        metrics.observe("churn", 3, "ok", seconds)
    metrics.observe("churn", 4, "error", 0.1)
    metrics.Writer(settings).write()
    found = samples(settings)
    labels = (("outcome", "ok"), ("service", "churn"), ("version", "3"))
    assert found["rtml_edge_request_seconds_count", labels] == 4
    assert found["rtml_edge_request_seconds_sum", labels] == pytest.approx(30.00029)
    bucket = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name.endswith("seconds_bucket") and "ok" in str(labels)
    }
    assert (bucket["5e-05"], bucket["0.0001"], bucket["0.0002"], bucket["10.0"], bucket["+Inf"]) == (2, 2, 3, 3, 4)
    assert found["rtml_edge_request_seconds_count", (("outcome", "error"), ("service", "churn"), ("version", "4"))] == 1


def test_the_counts_of_all_processes_are_added_and_those_of_ended_ones_stay(settings: EdgeSettings) -> None:
    metrics.observe("churn", 3, "ok", 0.001)
    metrics.batch("churn", 5)
    metrics.Writer(settings).write()
    for _ in range(2):
        other_process(
            settings, "metrics.observe('churn', 3, 'ok', 0.002); metrics.batch('churn', 7); metrics.refused('unauthorized')"
        )
    before = samples(settings)
    assert before["rtml_edge_request_seconds_count", (("outcome", "ok"), ("service", "churn"), ("version", "3"))] == 3
    assert before["rtml_edge_batch_rows_sum", (("service", "churn"),)] == 19
    assert before["rtml_edge_problems_total", (("kind", "unauthorized"),)] == 2
    assert before["rtml_edge_workers", ()] == 1  # this one
    metrics_text.retire(settings.folder)
    assert len(list((settings.folder / "metrics").glob("*.figures"))) == 1
    after = samples(settings)
    changing = ("rtml_edge_cpu_seconds_total", ())
    assert {k: v for k, v in after.items() if k != changing} == {k: v for k, v in before.items() if k != changing}
    other_process(settings, "metrics.batch('churn', 1)")
    metrics_text.retire(settings.folder)
    assert samples(settings)["rtml_edge_batch_rows_sum", (("service", "churn"),)] == 20


def test_a_reader_that_began_before_files_were_folded_counts_nothing_twice(
    settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_process(settings, "metrics.batch('churn', 7)")
    really = metrics_text._read_retired

    def retired_meanwhile(folder: Path) -> Any:
        monkeypatch.setattr(metrics_text, "_read_retired", really)
        metrics_text.retire(folder)
        return really(folder)

    monkeypatch.setattr(metrics_text, "_read_retired", retired_meanwhile)
    total, _ = metrics_text.read(settings.folder)
    assert total.histograms["batches"]["churn",].total == 7


def test_what_is_at_the_moment_is_of_live_processes(settings: EdgeSettings) -> None:
    waiting = {"offers": ServiceStatus("offers", (), "failed", "broken")}
    loaded = SimpleNamespace(scorer=SimpleNamespace(waiting=2))
    table = SimpleNamespace(
        current=Snapshot(7, {"churn": SimpleNamespace(state="ready", versions={1: loaded})}, waiting, ready=True)  # type: ignore[dict-item]
    )
    metrics.queue(3, "churn")
    metrics.queue(4, "offers")
    metrics.watch_in_flight(lambda: 5)
    metrics.Writer(settings, table).write()  # type: ignore[arg-type]
    found = samples(settings)
    metrics.watch_in_flight(lambda: 0)
    expected = {"queue_rows": 9, "in_flight": 5, "revision": 7, "ready": 1, "workers": 1}
    assert {name: found[f"rtml_edge_{name}", ()] for name in expected} == expected
    assert found["rtml_edge_service_ready", (("service", "churn"),)] == 1
    assert found["rtml_edge_service_ready", (("service", "offers"),)] == 0
    memory = found["rtml_edge_memory_bytes", (("process", str(os.getpid())), ("role", "http"))]
    assert 10e6 < memory < 10e9
    (info,) = [dict(labels) for name, labels in found if name == "rtml_edge_info"]
    assert info["version"] == "0.1.0" or info["version"]
    assert info["python"].startswith("3.")


def test_loading_and_shadows_are_counted(settings: EdgeSettings) -> None:
    metrics.loaded("churn", 2, 0.3)
    metrics.load_failed("churn", 3)
    metrics.shadow("churn", 4, "differs", 2)
    metrics.shadow("churn", 4, "same")
    metrics.Writer(settings).write()
    found = samples(settings)
    assert found["rtml_edge_load_seconds_sum", (("service", "churn"), ("version", "2"))] == 0.3
    assert found["rtml_edge_load_failures_total", (("service", "churn"), ("version", "3"))] == 1
    assert found["rtml_edge_shadow_rows_total", (("result", "differs"), ("service", "churn"), ("version", "4"))] == 2


def test_series_are_bounded_whatever_is_counted(settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_SERIES", 10)
    for number in range(1000):
        metrics.observe(f"service-{number}", 1, "ok", 0.1)
        metrics.batch(f"service-{number}", 1)
        metrics.refused(f"kind-{number}")
    figures = metrics.Writer(settings).figures()
    assert [len(kept) for kept in (figures.requests, figures.batches, figures.counters)] == [11, 11, 11]
    assert (("other", "other", "other"), 990) in [(labels, sum(h.counts)) for labels, h in figures.requests]


def test_a_file_that_is_no_figures_is_left_out(settings: EdgeSettings) -> None:
    (settings.folder / "metrics").mkdir()
    (settings.folder / "metrics" / "1-1.figures").write_bytes(b"\xc1")
    (settings.folder / "metrics" / "retired").write_bytes(b"")
    assert samples(settings)["rtml_edge_workers", ()] == 0


def test_figures_are_written_each_second_and_at_the_end(settings: EdgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_EVERY", 0.01)

    async def serve() -> float:
        metrics.start(settings)
        metrics.batch("churn", 3)
        deadline = asyncio.get_running_loop().time() + 20
        while asyncio.get_running_loop().time() < deadline:
            total, _ = metrics_text.read(settings.folder)
            if total.histograms["batches"]:
                break
            await asyncio.sleep(0.01)
        metrics.batch("churn", 4)
        metrics.stop()
        return total.histograms["batches"]["churn",].total

    assert asyncio.run(serve()) == 3
    total, _ = metrics_text.read(settings.folder)
    assert total.histograms["batches"]["churn",].total == 7
    metrics.clear(settings.folder)
    assert list((settings.folder / "metrics").iterdir()) == []


def test_clear_of_a_folder_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    metrics.clear(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, "ok") for status in (200, 204, 304)),
        *((status, "invalid") for status in (400, 404, 422)),
        *((status, "refused") for status in (401, 403, 429)),
        *((503, "busy"), (500, "error")),
    ],
)
def test_a_status_is_an_outcome(status: int, outcome: str) -> None:
    assert metrics.outcome(status) == outcome
    assert outcome in metrics.OUTCOMES
    assert metrics.outcome(503, "timeout") == "timeout"


def page(settings: EdgeSettings, snapshot: Snapshot, **headers: str) -> Any:
    app = SimpleNamespace(settings=settings, table=SimpleNamespace(current=snapshot))
    return metrics.handler(app)(Request("GET", "/metrics", "", headers, b""))


def test_a_scrape_gets_the_form_it_asks_for(settings: EdgeSettings) -> None:
    metrics.observe("churn", 1, "ok", 0.001)
    metrics.Writer(settings).write()
    plain = page(settings, Snapshot())
    assert dict(plain.headers)["Content-Type"].startswith("text/plain")
    opened = page(settings, Snapshot(), accept="application/openmetrics-text; version=1.0.0")
    assert dict(opened.headers)["Content-Type"].startswith("application/openmetrics-text")
    names = {family.name for family in open_metrics(opened.body.decode())}
    assert names == {family.name.removesuffix("_total") for family in text_string_to_metric_families(plain.body.decode())} - {
        "rtml_edge_info"
    } | {"rtml_edge"}


def test_with_keys_a_scrape_needs_the_scope_debug_for_all_services(settings: EdgeSettings) -> None:
    closed = msgspec.structs.replace(settings, open=False)

    def scrape(*scopes: str, services: tuple[str, ...] | None = None) -> int:
        identity, secret = new_secret()
        entry = KeyEntry(identity, digest(secret), scopes, services)
        try:
            return int(page(closed, Snapshot(keys={entry.hash: entry}, locked=True), authorization=f"Bearer {secret}").status)
        except Problem as problem:
            return problem.status

    assert [scrape("debug"), scrape("admin"), scrape("predict"), scrape("debug", services=("churn",))] == [200, 200, 403, 403]


def test_metrics_are_only_read(settings: EdgeSettings) -> None:
    app = SimpleNamespace(settings=settings, table=SimpleNamespace(current=Snapshot()))
    with pytest.raises(Problem, match="read with GET"):
        metrics.handler(app)(Request("POST", "/metrics", "", {}, b""))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is /dev/full, of Linux")
def test_a_full_disk_takes_no_count_and_no_report_away(settings: EdgeSettings) -> None:
    other_process(settings, "metrics.observe('churn', 3, 'ok', 0.1)")
    folder = settings.folder / "metrics"
    (folder / "retired.tmp").symlink_to("/dev/full")
    before = sorted(path.name for path in folder.glob("*.figures"))
    assert metrics_text.summary(settings.folder)["churn"]["3"]["requests"] == 1
    assert sorted(path.name for path in folder.iterdir()) == before  # also what was begun is gone
    assert metrics_text.summary(settings.folder)["churn"]["3"]["requests"] == 1  # with room again
    assert [path.name for path in folder.iterdir()] == ["retired"]


def test_the_summary_has_totals_and_the_rate_and_latency_of_the_last_half_minute(settings: EdgeSettings) -> None:
    now = [100.0]
    writer = metrics.Writer(settings)

    def summary() -> dict[str, Any]:
        writer.write()
        return metrics_text.summary(settings.folder, lambda: now[0])

    assert summary() == {}
    for _ in range(100):
        metrics.observe("churn", 3, "ok", 0.0018)
    metrics.observe("churn", 3, "error", 5.0)
    metrics.observe("", 0, "invalid", 0.1)
    now[0] += 10
    first = summary()["churn"]["3"]
    assert (first["requests"], first["errors"], first["rate"]) == (101, 1, 10.1)
    assert 0.0015 <= first["p50"] <= first["p99"] <= 0.002
    now[0] += 60
    later = summary()["churn"]["3"]
    now[0] += 60
    quiet = summary()["churn"]["3"]
    assert later["requests"] == quiet["requests"] == 101
    assert quiet == {"requests": 101, "errors": 1, "rate": 0.0, "p50": None, "p99": None}


@given(values=st.lists(st.floats(0.0, 20.0), min_size=1), share=st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    import bisect
    import math

    bounds = metrics.SECONDS
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect.bisect_left(bounds, value)] += 1
    true = sorted(values)[max(0, math.ceil(share * len(values) - 1e-9) - 1)]
    at = bisect.bisect_left(bounds, true)
    lower = bounds[at - 1] if at else 0.0
    upper = bounds[min(at, len(bounds) - 1)]
    answer = metrics_text.quantile(counts, bounds, share)
    assert answer is not None
    assert min(lower, bounds[-1]) - 1e-12 <= answer <= upper + 1e-12


def test_observing_finds_its_bucket_as_prometheus_says() -> None:
    # le: a value that is a bound counts in that bucket
    metrics.reset()
    metrics.batch("churn", 1)
    metrics.batch("churn", 16384)
    metrics.batch("churn", 16385)
    counts = metrics._batches["churn",].counts
    metrics.reset()
    assert (counts[0], counts[-2], counts[-1]) == (1, 1, 1)
