"""`rtml notebook` and Jupyter's server for tests, apart from the settings and files of whoever runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.integration.machine import RTML

SECONDS = 120


def environment(folder: Path) -> dict[str, str]:
    """Variables with which Jupyter keeps everything below a folder, asks for no news, and still finds what is installed."""
    names = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    found = {f"JUPYTER_{name}": str(folder / part) for name, part in names.items()}
    found |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    news = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True, exist_ok=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    return {**os.environ, **found, "IPYTHONDIR": str(folder / "ipython")}


class Started(NamedTuple):
    """What `rtml notebook` printed. notebook: its address, with the token."""

    process: subprocess.Popen[str]
    hub: str
    notebook: str
    told: str
    runtime: Path

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.notebook).query)["token"][0]

    @property
    def base(self) -> str:
        return f"http://{urlsplit(self.notebook).netloc}"

    def pids(self) -> list[int]:
        """Of Jupyter's server and its kernels."""
        [server] = [json.loads(path.read_bytes())["pid"] for path in self.runtime.glob("jpserver-*.json")]
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]


@contextmanager
def notebook(folder: Path, *options: str, end: signal.Signals = signal.SIGTERM) -> Iterator[Started]:
    """`rtml notebook` on a free port and without a browser, for as long as the block lasts."""
    command = [*RTML, "notebook", "--no-browser", "--port", "0", *options]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "env": environment(folder)}
    process = subprocess.Popen(command, **streams)
    try:
        lines: list[str] = []
        assert process.stdout is not None
        while not (lines and "Ctrl-C stops it all" in lines[-1]):
            lines.append(process.stdout.readline())
            assert lines[-1], "rtml notebook did not start; what it said stands above"
        rows = {line.split()[0]: line.split()[-1] for line in lines if "http://" in line}
        yield Started(process, rows["hub"], rows["notebook"], "".join(lines), folder / "runtime")
    finally:
        process.send_signal(end)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


class Answer(NamedTuple):
    status: int
    location: str | None
    text: str


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def get(url: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """GET, with a token of Jupyter's; no redirect is followed."""
    keys = {} if token is None else {"Authorization": f"token {token}"}
    request = urllib.request.Request(url, headers={**keys, **(headers or {})})
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return Answer(answer.status, None, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("Location"), error.read().decode())


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
