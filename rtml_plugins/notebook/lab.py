"""JupyterLab as a child process: started, waited for, stopped with its kernels."""

from __future__ import annotations

import http.client
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from rtml_core.errors import RtmlError
from rtml_plugins.up.children import end_with_parent

#: what Jupyter says, in the home; each start begins it anew
LOG: Final = "jupyter.log"
#: what the extra brings, and without which there are no tiles or no kernels
_NEEDED: Final = ("jupyterlab", "jupyter_app_launcher", "ipykernel")
#: seconds until it answers at the latest: a busy machine imports slowly
_READY_SECONDS: Final = 120.0
#: seconds for kernels to end before they are killed
_STOP_SECONDS: Final = 20.0
_LINES: Final = 8


class LabError(RtmlError):
    """JupyterLab is not there, or did not start."""


def check_installed() -> None:
    """Raises LabError unless the extra is installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LabError(f'{missing[0]} is not installed: pip install "rtml[notebook]"')


class Lab:
    """One JupyterLab on 127.0.0.1, whose files are those of `folder`.

    port: 0 for a free one; None for 8888, or one near it that is free. environment: variables for its kernels.
    """

    def __init__(self, folder: Path, open_file: Path, port: int | None, browser: bool, log: Path, environment: dict[str, str]):
        self.folder, self.open_file, self.log = folder, open_file, log
        self._token = secrets.token_hex(24)
        # Not --IdentityProvider.token: `ps` shows arguments to everybody.
        self._environment = {**os.environ, **environment, "JUPYTER_TOKEN": self._token}
        # -P: no file of the user's is imported in place of a module.
        self._command = [sys.executable, "-P", "-m", "jupyterlab", str(open_file), f"--ServerApp.root_dir={folder}"]
        self._command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.allow_remote_access=False"]
        if port is not None:
            self._command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
        if not browser:
            self._command.append("--no-browser")
        if os.geteuid() == 0:
            self._command.append("--allow-root")  # in a container everybody is root; it listens on this machine only
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, stopping: threading.Event) -> str | None:
        """Start it; gives the address of the opened file, with its token, as soon as it answers. None when `stopping` was set.

        To be called in the main thread: JupyterLab ends when the thread that started it does. Raises LabError.
        """
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        with open(descriptor, "ab") as log:
            # A session of its own: Ctrl-C reaches this process alone, and Jupyter does not ask whether it is meant.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not stopping.wait(0.05):
            if self.ended() is not None:
                raise LabError(f"JupyterLab did not start: {self.said()}")
            server = self._server()
            if server is not None and _answers(server["url"]):
                path = quote(self.open_file.relative_to(self.folder).as_posix())
                return f"{server['url']}lab/tree/{path}?token={self._token}"
            if time.monotonic() > deadline:
                raise LabError(f"JupyterLab does not answer after {_READY_SECONDS:.0f} s: {self.said()}")
        return None

    def ended(self) -> int | None:
        """The exit status when it has ended, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def stop(self) -> None:
        """Stop its kernels and itself."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # kernels are in groups of their own, and end when their parent is gone
            self._process.wait()

    def said(self) -> str:
        """The last lines of its log, and where all of it stands."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{' | '.join(lines[-_LINES:]) or 'it said nothing'} (all that was said stands in {self.log})"

    def _server(self) -> dict[str, Any] | None:
        """What it writes of itself once it listens."""
        from jupyter_core.paths import jupyter_runtime_dir

        assert self._process is not None
        try:
            found: dict[str, Any] = msgspec.json.decode(
                (Path(jupyter_runtime_dir()) / f"jpserver-{self._process.pid}.json").read_bytes()
            )
        except (FileNotFoundError, msgspec.DecodeError):  # not yet, or not whole
            return None
        return found


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        try:
            connection.request("GET", f"{parts.path}api")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
