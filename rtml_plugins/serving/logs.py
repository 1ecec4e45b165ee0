"""Logs of hub and edge: one JSON object a line on stderr, or plain text on a terminal; secrets never.

An event is a short text that never changes ("service loaded") with fields beside it, so that logs can be counted and searched.
What libraries log through the standard library comes out in the same form. structlog would do the same, but importing it draws
in rich where that is installed: 100 ms and 8 MB for each worker process.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any, Final, TextIO

import msgspec

from rtml_core.errors import RtmlError, describe

LEVELS: Final = ("debug", "info", "warning", "error")
#: loggers that tell of each of their requests or steps at "info"
_TALKATIVE: Final = ("httpx", "httpcore", "asyncio", "_granian", "alembic", "opentelemetry", "urllib3")
_HIDDEN: Final = "[redacted]"
_SECRET_NAMES: Final = ("authorization", "secret", "passw", "token", "api_key", "apikey", "api-key", "cookie", "private_key")
#: a key's secret (its id may be shown), what follows Bearer or Basic, and the password of a URL
_KEY: Final = re.compile(r"rtml_([0-9a-f]{1,64})_[A-Za-z0-9]+")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]+")
_PASSWORD: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/]*@")
_DEPTH: Final = 6  # how deep in a field's value secrets are looked for; what lies deeper is not shown


class LogsRefused(RtmlError):
    """A setting of the logs that is none."""


class Logger:
    """A logger with fields that every line of it carries."""

    __slots__ = ("_fields", "_logger")

    def __init__(self, name: str, fields: Mapping[str, Any] | None = None):
        self._logger = logging.getLogger(name)
        self._fields = dict(fields or {})

    def bind(self, **fields: Any) -> Logger:
        """A logger that carries these fields, too."""
        return Logger(self._logger.name, {**self._fields, **fields})

    def enabled(self, level: str) -> bool:
        """Whether lines of this level are written."""
        return self._logger.isEnabledFor(_number(level))

    def debug(self, event: str, /, **fields: Any) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: Any) -> None:
        """An error with the traceback of the exception that is being handled."""
        self._write(logging.ERROR, event, fields, True)

    def _write(self, level: int, event: str, fields: dict[str, Any], trace: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, exc_info=trace, extra={"rtml_fields": {**self._fields, **fields}})


class AccessLog:
    """A line for a share of the requests (0 to 1): every n-th, so that the cost is known; refused ones are metrics, not lines."""

    def __init__(self, share: float, name: str = "rtml.access"):
        if not 0.0 < share <= 1.0:
            raise LogsRefused(f"the share of requests to log is {share:g}: expected more than 0 and at most 1, e.g. 0.01")
        self._every = max(1, round(1.0 / share))
        self._seen = 0
        self._logger = Logger(name)

    def __call__(self, method: str, path: str, status: int, seconds: float, request_id: str, **fields: Any) -> None:
        """Note one answered request."""
        self._seen += 1
        if self._seen % self._every == 0:
            self._logger.info(
                "request", method=method, path=path, status=status, ms=round(seconds * 1e3, 3), request_id=request_id, **fields
            )


def logger(name: str, **fields: Any) -> Logger:
    """The logger of a module or a part, e.g. logger("rtml.edge", region="emea")."""
    return Logger(name, fields)


def configure(level: str = "info", json: bool | None = None, stream: TextIO | None = None) -> None:
    """Send the logs of this process to stderr or `stream`, as JSON lines unless it is a terminal; LogsRefused for a wrong level.

    json: True or False to have it so everywhere. Loggers made before follow.
    """
    number = _number(level)
    to = stream or sys.stderr
    as_json = json if json is not None else not to.isatty()
    handler = logging.StreamHandler(to)
    handler.setFormatter(_JsonLine() if as_json else _TextLine())
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "rtml", False)]:
        root.removeHandler(old)
    handler.rtml = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(number)
    for name in _TALKATIVE:
        talkative = logging.getLogger(name)
        talkative.setLevel(max(number, logging.WARNING) if number > logging.DEBUG else logging.INFO)


def granian_config() -> dict[str, Any]:
    """What granian is to be given as log_dictconfig, so that its own lines take the way of all others."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {},
        "handlers": {},
        "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
    }


def redact(value: Any, _depth: int = 0) -> Any:
    """A value for a log line, secrets taken out: keys, Authorization, passwords in URLs, fields whose name says secret."""
    if isinstance(value, str):
        if "rtml_" in value:
            value = _KEY.sub(rf"rtml_\1_{_HIDDEN}", value)
        if "earer" in value or "asic" in value or "EARER" in value:
            value = _BEARER.sub(rf"\1\2{_HIDDEN}", value)
        return _PASSWORD.sub(rf"\1:{_HIDDEN}@", value) if "://" in value else value
    if value is None or isinstance(value, bool | int | float):
        return value
    if _depth >= _DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {str(k): _HIDDEN if _is_secret(str(k)) else redact(v, _depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, _depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    return redact(str(value) if isinstance(value, BaseException) else describe(value, 200), _depth + 1)


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return any(secret in lowered for secret in _SECRET_NAMES)


def _number(level: str) -> int:
    if level.lower() not in LEVELS:
        raise LogsRefused(f"{describe(level)} is no level of logs: expected one of {', '.join(LEVELS)}")
    return int(getattr(logging, level.upper()))


def _line(record: logging.LogRecord) -> dict[str, Any]:
    """time (ISO 8601, UTC), level, logger, event, then the fields; all without secrets."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
    try:
        event = record.getMessage()
    except Exception as error:  # a library's format that does not fit its arguments must not lose the line
        event = f"{record.msg} (its arguments don't fit: {type(error).__name__})"
    line: dict[str, Any] = {"time": at, "level": record.levelname.lower(), "logger": record.name, "event": event}
    for name, value in getattr(record, "rtml_fields", {}).items():
        line[name if name not in line else f"{name}_"] = _HIDDEN if _is_secret(name) else value
    if record.exc_info and record.exc_info[0] is not None:
        line["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    shown: dict[str, Any] = redact(line)
    return shown


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        try:
            return msgspec.json.encode(line).decode()
        except Exception:  # a half character, an endless number: escaped, never lost
            return msgspec.json.encode({k: str(v).encode(errors="backslashreplace").decode() for k, v in line.items()}).decode()


class _TextLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        trace = line.pop("exception", None)
        at, level, _, event = (line.pop(name) for name in ("time", "level", "logger", "event"))
        fields = " ".join(f"{name}={value}" for name, value in line.items())
        # a field may come from a request: no line break and no control character of a terminal gets through
        text = f"{at[11:19]} {level:<7} {event}  {fields}".rstrip()
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        return text if trace is None else f"{text}\n{trace}"
