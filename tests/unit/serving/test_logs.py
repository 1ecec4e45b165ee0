"""Logs: one JSON object a line, and never a secret in it."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.serving import keys, logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that the logs of this process go to, as JSON."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("info", json=True, stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_time_level_logger_event_and_fields(stream: io.StringIO) -> None:
    log = logs.logger("rtml.edge", region="emea")
    log.bind(worker=7).info("service loaded", service="churn", seconds=0.25)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "rtml.edge",
        "event": "service loaded",
        "region": "emea",
        "worker": 7,
        "service": "churn",
        "seconds": 0.25,
    }


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    logs.logger("rtml.edge").debug("detail")
    assert (lines(stream), logs.logger("rtml.edge").enabled("debug")) == ([], False)


def test_a_wrong_level_is_refused_with_the_levels_there_are() -> None:
    with pytest.raises(logs.LogsRefused, match="'loud' is no level of logs: expected one of debug, info, warning, error"):
        logs.configure("loud")


def test_what_a_library_logs_comes_out_in_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.pool").warning("lost %s of %d", "a connection", 2)
    assert [line["event"] for line in lines(stream)] == ["lost a connection of 2"]


def test_a_line_whose_arguments_do_not_fit_its_format_is_not_lost() -> None:
    record = logging.LogRecord("library", logging.INFO, __file__, 1, "%d", ("no number",), None)
    assert json.loads(logs._JsonLine().format(record))["event"] == "%d (its arguments don't fit: TypeError)"


def test_talkative_libraries_are_heard_only_when_something_is_wrong(stream: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET ...")
    logging.getLogger("httpx").warning("odd")
    assert [line["event"] for line in lines(stream)] == ["odd"]


def test_an_exception_brings_its_traceback_in_one_line(stream: io.StringIO) -> None:
    _, secret = keys.new_secret()
    try:
        raise ValueError(f"refused {secret}")
    except ValueError:
        logs.logger("rtml.hub").exception("failed")
    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert secret not in stream.getvalue()


@given(
    where=st.sampled_from(["value", "name", "deep", "event", "bearer", "url", "bytes", "error", "argument"]),
    around=st.text(max_size=20),
)
def test_no_secret_comes_through(where: str, around: str) -> None:
    identity, secret = keys.new_secret()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._JsonLine())
    log = logging.Logger("rtml.test")
    log.addHandler(handler)
    fields: dict[str, Any] = {
        "value": {"a": f"{around}{secret} {around}"},
        "name": {"Authorization": secret, "api_key": secret, "db_password": secret},
        "deep": {"a": [{"b": (f"{around} {secret}",)}], "c": {"token": secret}},
        "bearer": {"a": f"Bearer {secret}", "b": "authorization: bearer abc.def-secretpart"},
        "url": {"a": f"postgresql://rtml:{secret}@db/rtml"},
        "bytes": {"a": secret.encode()},
        "error": {"a": ValueError(secret)},
    }.get(where, {})
    log.info("%s", f"{around} {secret}" if where == "event" else "x", extra={"rtml_fields": fields})
    if where == "argument":
        log.info("refused %s", secret)
    written = stream.getvalue()
    assert written.count("\n") == written.count('"event"')
    assert secret.rsplit("_", 1)[1] not in written
    assert "secretpart" not in written
    if where == "event":
        assert f"rtml_{identity}_[redacted]" in written


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5)))
def test_whatever_a_field_holds_the_line_is_json(fields: dict[str, Any]) -> None:
    record = logging.LogRecord("rtml", logging.INFO, __file__, 1, "%s", ("event \ud800",), None)
    record.rtml_fields = fields
    line = logs._JsonLine().format(record)
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)


def test_text_for_a_terminal_lets_no_control_character_through(stream: io.StringIO) -> None:
    text = io.StringIO()
    logs.configure("info", json=False, stream=text)
    logs.logger("rtml.edge").warning("refused", path="/v1/\x1b[31m\nfake line")
    (line,) = text.getvalue().splitlines()
    assert line.endswith("warning refused  path=/v1/\\x1b[31m\\nfake line")


def test_json_is_the_form_wherever_no_terminal_reads(capsys: pytest.CaptureFixture[str], stream: io.StringIO) -> None:
    logs.configure("info", stream=sys.stderr)
    logs.logger("rtml.edge").info("started")
    assert json.loads(capsys.readouterr().err)["event"] == "started"


def test_the_access_log_writes_every_nth_request(stream: io.StringIO) -> None:
    access = logs.AccessLog(0.25)
    for number in range(8):
        access("POST", "/v1/services/churn/predict", 200, 0.0001, f"id{number}", service="churn")
    assert [line["request_id"] for line in lines(stream)] == ["id3", "id7"]
    with pytest.raises(logs.LogsRefused, match="expected more than 0 and at most 1"):
        logs.AccessLog(0)
