"""The harness measures what it says: answers are compared, every answer under load is looked at, figures go where they belong."""

import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_core import Runtime
from tests.benchmarks.serving import page, results, rtml
from tests.benchmarks.serving.contenders import Contender, Disagrees, compared, running
from tests.benchmarks.serving.load import NUMBER, load, post, write
from tests.benchmarks.serving.measuring import edge as edge_of
from tests.benchmarks.serving.measuring import looked_at, without_baseline
from tests.benchmarks.serving.page import figures
from tests.benchmarks.serving.peers import PEERS, REQUIREMENTS
from tests.benchmarks.serving.processes import NotStarted, Server, free_port, memory, start, tree
from tests.benchmarks.serving.propagation import variant
from tests.benchmarks.serving.startup import worker
from tests.benchmarks.serving.throughput import latency
from tests.benchmarks.serving.work import Work, work


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    """The load generator is written in C."""
    if shutil.which("cc") is None and "CI" not in os.environ:
        pytest.skip("there is no C compiler: apt-get install gcc")


@pytest.fixture(scope="module")
def job() -> Work:
    """The standard pipeline at a small size."""
    return work(trees=6, rows=800)


@pytest.fixture(scope="module")
def edge(job: Work, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contender]:
    """The real `rtml edge`, compared with scikit-learn."""
    folder = tmp_path_factory.mktemp("edge")
    with running(rtml.peer(rtml.make_home(folder / "home", job.package)), job, folder, "rtml") as contender:
        yield contender


@pytest.fixture
def seen() -> Iterator[tuple[int, list[tuple[bytes, str]]]]:
    """(port, requests seen) of a small server that echoes a body and refuses the word "no"."""
    requests: list[tuple[bytes, str]] = []

    class Echo(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((body, self.headers.get("X-Request-Id", "")))
            self.send_response(403 if body == b"no" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port, requests
        server.shutdown()
        thread.join()


def test_every_answer_under_load_is_looked_at(seen: tuple[int, list[tuple[bytes, str]]], tmp_path: Path) -> None:
    port, requests = seen
    asked = [post("/", b"yes", b"yes"), post("/", b"no", b"no"), post("/", b"maybe", b"never")]
    done = load(port, write(asked, tmp_path / "requests"), connections=3, seconds=0.2)
    assert done.answered == done.sent == len(requests) > 10
    bodies = [body for body, _ in requests]
    assert done.refused == bodies.count(b"no") > 0
    assert done.wrong == bodies.count(b"maybe") > 0
    assert done.failed == done.refused + done.wrong
    assert 0 < done.p50 <= done.p99 <= done.slowest * 1.01


def test_requests_at_a_rate_come_at_that_rate_and_heads_can_differ(
    seen: tuple[int, list[tuple[bytes, str]]], tmp_path: Path
) -> None:
    port, requests = seen
    asked = [post("/", b"yes", b"yes", {"X-Request-Id": NUMBER})]
    done = load(port, write(asked, tmp_path / "requests"), connections=8, seconds=1.0, rate=100, seed=3)
    assert done.failed == 0
    assert 50 < done.sent < 150  # 100 expected, with a standard deviation of 10
    names = [name for _, name in requests]
    assert len(set(names)) == len(names) == done.sent
    assert all(name.isdigit() for name in names)


def test_rtml_answers_under_load(edge: Contender) -> None:
    turn = edge.turn(4, 0.5)
    assert turn.load.answered > 0
    assert turn.load.failed == 0
    assert turn.cpu > 0
    edge.turns = {32: [turn]}
    edge.paced = [edge.turn(8, 0.5, rate=20)]
    assert edge.paced[0].load.failed == 0
    assert latency(edge.paced)["p50"] > 0
    assert memory([worker(edge.server)])[1] > 10


def test_an_answer_that_is_not_scikit_learns_is_refused(edge: Contender, job: Work, tmp_path: Path) -> None:
    other = Work(job.package, job.model, job.rows, [p + 1e-6 for p in job.expected])
    with pytest.raises(Disagrees, match="scikit-learn answers"):
        compared(edge.peer, edge.server, other, tmp_path / "requests")


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    port = free_port()
    command = ["python3", "-c", "raise SystemExit('no port today')"]
    with pytest.raises(NotStarted, match="it ended with 1: no port today"):
        start(command, port, tmp_path / "log", path="/", body=b"{}")


def test_a_stopped_server_leaves_no_process(job: Work, tmp_path: Path) -> None:
    with running(rtml.peer(rtml.make_home(tmp_path / "home", job.package)), job, tmp_path, "rtml") as contender:
        pids = contender.server.pids
        assert len(pids) >= 2
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists() and tree(pid) != [pid]] == []
    assert not any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)


def test_a_variant_is_another_package_with_the_same_model(job: Work) -> None:
    from rtml_core import package

    data = job.package.read_bytes()
    one, other = package.read_archive(data), package.read_archive(variant(data, 1))
    assert one.id != other.id
    assert one.model == other.model
    assert package.read_archive(variant(data, 0)).id == one.id


def test_every_peer_has_an_environment_with_pinned_versions() -> None:
    assert {peer.environment for peer in PEERS.values()} - {""} == set(REQUIREMENTS)
    assert [wanted for all_wanted in REQUIREMENTS.values() for wanted in all_wanted if "==" not in wanted] == []


def test_the_page_is_written_from_the_kept_figures() -> None:
    text = page.PAGE.read_text()
    shown = text[text.index(page.BEGIN) + len(page.BEGIN) : text.index(page.END)]
    assert shown.strip() == figures(results.kept()).strip(), "python -m tests.benchmarks.serving --page writes it anew"


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="must hold the lines"):
        page.write({}, path)


def test_figures_are_kept_whole(tmp_path: Path) -> None:
    results.keep("startup", {"worker": 80.5}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["startup.json"]
    kept = results.kept(tmp_path)["startup"]
    assert kept["worker"] == 80.5
    assert json.loads((tmp_path / "startup.json").read_text()) == kept


def test_servers_are_asked_with_get_when_there_is_no_body(edge: Contender) -> None:
    assert isinstance(edge.server, Server)
    assert edge.server.ask("/v1/health/live", None)[0] == 200


def test_an_edge_that_measures_is_held_against_one_that_does_not(job: Work, tmp_path: Path) -> None:
    plain = Runtime.from_file(without_baseline(job.package, tmp_path / "plain.rtml"))
    measured = Runtime.from_file(job.package)
    assert plain.manifest.baseline is None
    assert measured.manifest.baseline is not None
    assert plain.score(job.rows[:5]) == measured.score(job.rows[:5])
    with edge_of(job, tmp_path / "measured") as one:
        assert one.turn(8, 0.2).load.failed == 0
        assert looked_at(tmp_path / "measured") > len(job.rows) / 4
