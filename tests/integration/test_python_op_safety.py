"""A Python operator never takes a server down: each way of breaking is a request to a real one, and the next request is right.

The server is a process of its own with threads and keep-alive (safety/server.py); its operators come from a distribution that is
installed for real (tests/plugins/rtml-breaking).
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from rtml_core import package
from tests.plugins.places import FIXTURES, ROOT, Place

SAFETY = ROOT / "tests" / "integration" / "safety"
VARIABLES = {"RTML_CONFIG": os.devnull, "PATH": os.defpath}
ROW, ANSWER = {"s": "ab", "x": 1.5}, {"s": "ab!?", "x": 3.0, "n": 2.0}
FAILED = "CustomOpError: the custom operator breaking:{name} 1 (rtml_breaking_bodies:{name}) failed: "
TEXTS, NUMBERS, PAIR = (FAILED.format(name=name) for name in ("texts", "numbers", "pair"))

#: s = "break:how" -> what the request says
BREAKAGES = {
    "exception": TEXTS + "ZeroDivisionError: division by zero",
    "unreadable": TEXTS + "Unreadable: (its text can't be read)",
    "none": TEXTS + "it returned None, and must return a numpy array",
    "list": TEXTS + "it returned ['a'], and must return a numpy array",
    "text": TEXTS + "it returned 'a', and must return a numpy array",
    "generator": TEXTS + "it returned <generator",
    "too_many": TEXTS + "it returned 2 arrays, and has 1 outputs",
    "too_few": TEXTS + "it returned 0 arrays, and has 1 outputs",
    "dtype_of_the_same_size": TEXTS + "it returned an array of float64, and must return object for a string column",
    "dtype_of_fixed_width": TEXTS + "it returned an array of <U1, and must return object for a string column",
    "scalar": TEXTS + "it returned",
    "no_rank": TEXTS + "it returned an array of shape () for 1 rows, and must return (1,)",
    "rank": TEXTS + "it returned an array of shape (1, 1) for 1 rows, and must return (1,)",
    "huge": TEXTS + "it returned an array of shape (1000000,) for 1 rows, and must return (1,)",
    "a_number_among_texts": TEXTS + "it returned 3 among texts; a text must be a str, or None where it is missing",
    "bytes_among_texts": TEXTS + "it returned b'a' among texts",
    "subclass_among_texts": TEXTS + "it returned 'a' among texts",
    "half_a_character": TEXTS + "it returned 'b\\ud800', half of a character, which no UTF-8 text holds",
    "a_zero": TEXTS + "it returned a text with U+0000, which onnxruntime would cut there",
    "missing": TEXTS + "it gave a missing value for a row that is all there, and is not declared to (gives_missing)",
    "the_mark": TEXTS + "it returned the text U+FDD0, which stands for a missing one; return None instead",
    "recursion": TEXTS + "RecursionError: maximum recursion depth exceeded",
    "writing": TEXTS + "ValueError: assignment destination is read-only",
    "exit": TEXTS + "SystemExit: 3",
    "interrupt": TEXTS + "KeyboardInterrupt: ",
    "end_of_generator": TEXTS + "GeneratorExit: ",
    "stop": TEXTS + "StopIteration: ",
    "memory": TEXTS + "MemoryError: ",
    "too_large": TEXTS + "ValueError: ",
    "pair_swapped": PAIR + "it returned an array of float64, and must return object for a string column",
    "pair_one": PAIR + "it returned 1 arrays, and has 2 outputs",
    "pair_three": PAIR + "it returned 3 arrays, and has 2 outputs",
}
#: x -> what the request says
NUMBER_BREAKAGES = {
    -1.0: "it returned an array of int64, and must return float64 for a float64 column",
    -2.0: "it returned a MaskedArray, and must return a plain numpy array",
    -3.0: "it returned an array of >f8, and must return float64 for a float64 column",
    -4.0: "it returned an array of complex128, and must return float64 for a float64 column",
    -5.0: "it gave a missing value for a row that is all there",
    -6.0: "it returned an array of float32, and must return float64 for a float64 column",
    -7.0: "it returned an array of shape (2,) for 1 rows, and must return (1,)",
    -8.0: "it returned a matrix, and must return a plain numpy array",
    -9.0: "it returned an array of object, and must return float64 for a float64 column",
}


def graph(operator: str, **schema: str) -> str:
    nodes = [
        {"id": "in", "operator": "Receiver", "params": {"schema": schema}},
        {"id": "n", "operator": operator, "params": {}},
    ]
    return json.dumps({"rtml": 1, "nodes": nodes, "edges": [["in", "n"]]})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with rtml-breaking and packages that use it."""
    made = Place(tmp_path_factory.mktemp("breaking"))
    made.install(FIXTURES / "rtml-breaking")
    (made.folder / "break.json").write_text(graph("Break", s="string?", x="float?"))
    (made.folder / "mark.json").write_text(graph("Mark", s="string?"))
    (made.folder / "outer.json").write_text(graph("Outer", s="string?"))
    for name in ("break", "mark", "outer"):
        done = made.rtml("compile", f"{name}.json", "-o", f"{name}.rtml")
        assert done.code == 0, done.err
    return made


class Client:
    """A connection that is kept alive, so that one thread of the server answers all its requests."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, name: str, rows: Any) -> tuple[int, Any]:
        self.connection.request("POST", f"/{name}", json.dumps(rows))
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())


class Server:
    """The server with packages, started in a process of its own."""

    def __init__(self, place: Place, *names: str):
        packages = [f"{name}={place.folder / name}.rtml" for name in names]
        variables = {**VARIABLES, "BREAKING_INNER": str(place.folder / "break.rtml")}
        program = [str(place.python), str(SAFETY / "server.py"), *packages]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.port = int(line)

    def client(self) -> Client:
        return Client(self.port)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """End it as an init system would: exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return code, self.process.stdout.read() + self.process.stderr.read()


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    """One server for all tests: whoever takes it down fails those behind."""
    with Server(place, "break", "outer") as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    made = server.client()
    yield made
    made.connection.close()
    assert server.process.poll() is None, "the server is gone"


@pytest.mark.parametrize("how", BREAKAGES)
def test_a_body_that_breaks_is_an_error_that_names_it_and_the_next_request_is_right(how: str, client: Client) -> None:
    status, said = client.post("break", {"s": f"break:{how}", "x": 1.5})
    assert (status, said[: len(BREAKAGES[how])]) == (422, BREAKAGES[how])
    assert client.post("break", ROW) == (200, ANSWER)
    assert client.post("break", [ROW, {"s": None, "x": None}]) == (200, [ANSWER, {"s": None, "x": None, "n": None}])


@pytest.mark.parametrize("x", NUMBER_BREAKAGES)
def test_numbers_too(x: float, client: Client) -> None:
    status, said = client.post("break", {"s": "ab", "x": x})
    assert (status, said[: len(NUMBERS + NUMBER_BREAKAGES[x])]) == (422, NUMBERS + NUMBER_BREAKAGES[x])
    assert client.post("break", ROW) == (200, ANSWER)


def test_in_a_batch_the_whole_request_fails_and_the_next_is_right(client: Client) -> None:
    status, said = client.post("break", [{"s": "break:exception", "x": 1.0}, ROW])
    assert (status, said) == (422, BREAKAGES["exception"])
    assert client.post("break", [ROW] * 50) == (200, [ANSWER] * 50)


def test_a_body_that_changes_settings_changes_nothing_for_the_next_request(client: Client) -> None:
    """Overflow raises where a body asks numpy for that; the next body on the same thread overflows to infinity as ever."""
    beyond = {"s": "ab", "x": 1.7e308}
    before = client.post("break", beyond)
    assert client.post("break", {"s": "break:settings", "x": 1.0})[0] == 200
    assert client.post("break", beyond) == before
    assert client.post("break", ROW) == (200, ANSWER)


def test_a_body_that_changes_its_arguments_changes_nothing_for_the_next_request(client: Client) -> None:
    for _ in range(3):
        assert client.post("break", {"s": "break:arguments", "x": 1.0})[1]["s"] == "done"
        assert client.post("break", ROW) == (200, ANSWER)


def test_a_body_that_starts_threads(client: Client) -> None:
    assert client.post("break", {"s": "break:threads", "x": 1.0})[1]["s"] == "started"
    assert client.post("break", ROW) == (200, ANSWER)


def test_a_body_that_scores_another_package(client: Client) -> None:
    assert client.post("outer", {"s": "ab"}) == (200, {"s": "ab!?"})
    assert client.post("outer", {"s": "break:none"}) == (422, BREAKAGES["none"])
    assert client.post("outer", [{"s": "a"}, {"s": None}]) == (200, [{"s": "a!?"}, {"s": None}])
    assert client.post("break", ROW) == (200, ANSWER)


def test_eight_threads_and_two_packages_get_their_own_answers_and_failures(server: Server) -> None:
    wrong: list[Any] = []
    hows = ["exception", "none", "exit", "a_number_among_texts", "pair_one"]

    def work(number: int) -> None:
        client = server.client()
        for turn in range(40):
            text = f"{number}.{turn}"
            if turn % 4 == number % 4:
                how = hows[(turn + number) % len(hows)]
                request, expected = {"s": f"break:{how}", "x": 1.0}, (422, BREAKAGES[how])
            else:
                request = {"s": text, "x": float(turn)}
                expected = (200, {"s": f"{text}!?", "x": 2.0 * turn, "n": float(len(text))})
            name = "break"
            if turn % 2:
                name, request = "outer", {"s": request["s"]}
                expected = expected if expected[0] == 422 else (200, {"s": f"{text}!?"})
            found = client.post(name, request)
            if found != expected:
                wrong.append((request, found))
        client.connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.process.poll() is None


def test_ended_while_a_body_runs_the_request_is_answered(place: Place) -> None:
    with Server(place, "break") as server:
        client = server.client()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(client.post("break", {"s": "break:wait", "x": 1.0})))
        thread.start()
        assert server.process.stderr is not None
        assert server.process.stderr.readline() == "waiting\n"
        server.process.send_signal(signal.SIGTERM)
        thread.join()
        client.connection.close()
        assert (*server.stop(), found) == (0, "closed\n", [(200, {"s": "waited", "x": 2.0, "n": 10.0})])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_line_is_stopped_in_the_middle_of_a_body(place: Place, number: signal.Signals, code: int) -> None:
    program = [str(place.python), "-m", "rtml_core.cli", "score", "mark.rtml", "-i", "-", "-o", "-", "-q", "--trust", "all"]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=place.folder, env=VARIABLES) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write('{"s": "break:wait_long"}\n')
        process.stdin.close()
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(number)
        assert process.wait(timeout=30) == code
        assert "terminate called" not in process.stderr.read()


# ---- packages that come late, and packages that are wrong ---------------------------------------------------------------


def test_operators_may_be_declared_in_a_domain_in_use(place: Place) -> None:
    """`outer` has an operator of the domain that `break` uses; it is loaded while that one is busy."""
    with Server(place, "break") as server:
        wrong: list[Any] = []
        loaded = threading.Event()

        def work() -> None:
            client = server.client()
            while not loaded.is_set() or client.post("outer", {"s": "ab"}) != (200, {"s": "ab!?"}):
                if client.post("break", ROW) != (200, ANSWER):
                    wrong.append("break")
            client.connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        client = server.client()
        for name in ("outer", "mark", "break"):
            path = str(place.folder / f"{name}.rtml")
            assert client.post("load", {name: path, f"{name}-again": path}) == (200, [name, f"{name}-again"])
        loaded.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert client.post("break-again", ROW) == (200, ANSWER)
        client.connection.close()
        assert server.stop() == (0, "closed\n")


ATTRIBUTES = {
    "no_json": ('{"marks": ', "its arguments are no JSON: "),
    "no_object": ("[]", "its arguments must be an object; got []"),
    "unknown": ('{"marc": ["!"]}', "it takes no argument 'marc'. It takes: marks. Did you mean 'marks'?"),
    "absent": ("{}", "argument 'marks' is missing"),
    "type": ('{"marks": 3}', "argument 'marks' must be of type list; got 3"),
    "inside": ('{"marks": [3]}', "TypeError: sequence item 0: expected str instance, int found"),
}


@pytest.mark.parametrize("how", ATTRIBUTES)
def test_a_package_with_a_wrong_attribute_is_refused_and_the_next_request_is_right(
    how: str, place: Place, client: Client, tmp_path: Path
) -> None:
    attribute, words = ATTRIBUTES[how]
    archive = package.read_file(place.folder / "mark.rtml")
    model = onnx.load_from_string(archive.model)
    (node,) = (node for node in model.graph.node if node.op_type == "texts")
    node.attribute[0].s = attribute.encode()
    files = {"model.onnx": model.SerializeToString(), "graph.json": archive.graph, "sample.json": archive.sample}
    (tmp_path / "wrong.rtml").write_bytes(package.write_archive(archive.manifest, files))
    status, said = client.post("load", {"wrong": str(tmp_path / "wrong.rtml")})
    assert status == 422
    assert said.startswith("PackageError: ")
    assert f"{TEXTS.removeprefix('CustomOpError: ')}{words}" in said
    assert client.post("break", ROW) == (200, ANSWER)


# ---- in one process without a server ------------------------------------------------------------------------------------


def scoring(place: Place, what: str, count: str) -> Any:
    """What safety/scoring.py prints."""
    return place.run(str(SAFETY / "scoring.py"), what, "mark.rtml", count).json


def test_a_hundred_thousand_calls_leave_nothing_behind(place: Place) -> None:
    found = scoring(place, "calls", "100000")
    assert found["right"] == 100_000
    assert found["grown_kb"] < 4_000  # 40 bytes a call
    assert found["known_grown_bytes"] < 20_000


def test_two_hundred_runtimes_leave_nothing_behind(place: Place) -> None:
    found = scoring(place, "runtimes", "200")
    assert found["right"] == 200
    assert found["grown_kb"] < 15_000  # 100 kB a runtime; a model that stays would be more
    assert found["objects"] < 2_000


def test_deep_in_the_stack_a_call_is_refused_or_right_and_the_process_lives(place: Place) -> None:
    found = scoring(place, "deep", "300")
    assert [refused + right for refused, right in zip(found["refused"], found["right"], strict=True)] == [300, 300]
    assert all(right > 100 for right in found["right"])
    assert found["refused"][0] > found["refused"][1] > 10


def test_signals_whose_handlers_raise_are_answered_and_the_process_lives(place: Place) -> None:
    found = scoring(place, "signals", "2")
    assert found["wrong"] == 0
    assert found["right"] > 0
    assert found["answered"] == found["sent"] > 10
    assert found["handlers"]
