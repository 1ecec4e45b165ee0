"""A hub and edges for a notebook or script: those that run in a folder already, else some that end with this process.

A machine that is started is a child, `rtml up`, that reads from a pipe. This process holds the other end and never writes to it:
when it ends, however it ends, the kernel closes the pipe, and the child stops hub and edges in order.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from rtml_core.client import Client
from rtml_core.errors import RtmlError, listing
from rtml_plugins.serving.names import check_name
from rtml_plugins.up.home import HomeError, Remembered, default_home, recall, running
from rtml_plugins.up.ports import PortTaken, answers, reachable

#: what a machine that was started here says, in its folder; each start begins it anew
LOG: Final = "up.log"
_LOCK: Final = "connect.lock"
#: seconds that a machine of this process has to stop in order: what is in flight is finished
_STOP_SECONDS: Final = 45.0
#: seconds for somebody else's start or stop: `rtml up` gives its processes 60 each
_OTHERS_SECONDS: Final = 240.0
_LOOK_SECONDS: Final = 0.05
#: lines of the log that an error shows
_LINES: Final = 8


class EmbeddedError(RtmlError):
    """There is no machine, and none could be started."""


class Embedded:
    """A hub and edges that this process started. hub: the address. home: the folder. They end with this process, or by stop()."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]):
        self.home = home
        self.hub = ""
        self._process = process

    def __repr__(self) -> str:
        return f"<rtml up at {self.hub}, kept in {self.home}, {'running' if self.running else 'stopped'}>"

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop edges and hub in order, and wait for it; nothing when they are stopped already."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # that is the sign
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the kernel tells its children
            self._process.wait()

    def _let_go(self) -> None:
        """In a process forked from this one: the pipe is the parent's alone."""
        assert self._process.stdin is not None
        self._process.stdin.close()


#: guards _machines; two threads that connect at once start one machine
_guard = threading.Lock()
#: the machines that this process started, by folder
_machines: dict[Path, Embedded] = {}
#: those of the process that this one was forked from: kept, as Popen complains of one that is dropped while it runs
_of_parent: list[Embedded] = []


def connect(
    hub: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    regions: str | Sequence[str] | None = None,
    key: str | None = None,
    **options: Any,
) -> Client:
    """A client of a hub that answers, with edges behind it; one machine is started when there is none.

    hub names one that runs; without it, and without home, RTML_HUB does. Else it is the `rtml up` of the folder home (default: up
    in $RTML_HOME, or in ~/.rtml). When none runs there, one is started on this machine and ends with this process, kill -9
    included; what it keeps in the folder is there at the next start. Who connects twice gets the same machine.

    regions: that must have an edge ("na,emea", or a list); a start takes those of the last one besides, or na. key: an API key,
    else RTML_API_KEY, for a hub that asks for keys. options: those of Client, e.g. timeout.

    Raises EmbeddedError, HomeError or NameRefused, each with what to do.
    """
    named = hub or os.environ.get("RTML_HUB", "").strip() or None
    if hub is not None and home is not None:
        raise EmbeddedError("connect() takes an address, hub, or a folder, home, not both: leave one out")
    if named is not None and home is None:
        client = Client(hub=named, key=key, **options)
        _check_regions(client, _names(regions))
        return client
    return Client(hub=_machine(_folder(home), _names(regions)), key=key, **options)


def find(home: str | os.PathLike[str] | None = None) -> str | None:
    """The address of the hub that runs in this folder and answers; None when there is none. Raises HomeError."""
    folder = _folder(home)
    processes = running(folder)
    if not processes or "hub" not in processes:
        return None
    what = recall(folder)
    if what is None or not answers(reachable(what.host), what.hub):
        return None
    return _address(what)


def start(home: str | os.PathLike[str] | None = None, regions: str | Sequence[str] | None = None, port: int = 0) -> Embedded:
    """Start a hub and an edge for each region in this folder, as a child of this process; returns when all of them answer.

    regions: besides those of the last start in this folder; na when there are none. port: of the hub, edges take the next ones;
    0: those of the last start, and free ones when they are taken. Raises EmbeddedError, and HomeError when a machine runs there.
    """
    folder = _folder(home)
    with _guard, _alone(folder):
        if running(folder) is not None:
            raise HomeError(f"{folder} is used by another `rtml up`: stop that one, or name another folder")
        return _start(folder, _names(regions), port)


def started() -> list[Embedded]:
    """The machines that this process has started, those included that have ended since."""
    return list(_machines.values())


@atexit.register
def stop_started() -> None:
    """Stop the machines that this process started, in order; others go on."""
    while _machines:
        _machines.popitem()[1].stop()


def _folder(home: str | os.PathLike[str] | None) -> Path:
    return (Path(home).expanduser() if home is not None else default_home()).absolute()


def _names(regions: str | Sequence[str] | None) -> list[str]:
    """Regions as `rtml up --region` takes them: names, or names in one text with commas between them."""
    given = [regions] if isinstance(regions, str) else list(regions or ())
    names = dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip())
    return [check_name(name, "region") for name in names]


def _address(what: Remembered) -> str:
    return f"http://{reachable(what.host)}:{what.hub}"


def _machine(folder: Path, regions: Sequence[str]) -> str:
    """The address of the hub in this folder, found or started."""
    with _guard, _alone(folder):
        deadline = time.monotonic() + _OTHERS_SECONDS
        while True:
            own = _machines.get(folder)
            if own is not None and not own.running:
                del _machines[folder]  # it was ended from outside
                own = None
            hub = find(folder)
            if hub is not None:
                missing = [name for name in regions if name not in _edges(folder)]
                if not missing:
                    return hub
                if own is None:
                    raise EmbeddedError(_no_region(folder, missing))
                own.stop()  # the same ports are taken again, so that clients that there are notice a pause
                del _machines[folder]
            elif running(folder) is None:
                try:
                    began = _start(folder, regions)
                except EmbeddedError:
                    if running(folder) is None:
                        raise
                    continue  # somebody's `rtml up` was faster
                _say(began)
                return began.hub
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the `rtml up` that uses {folder} neither answers nor ends after {_OTHERS_SECONDS:.0f} s: stop it, or name"
                    f" another folder with home="
                )
            time.sleep(_LOOK_SECONDS)  # it is starting, or stopping


def _edges(folder: Path) -> Sequence[str]:
    what = recall(folder)
    return list(what.edges) if what is not None else []


def _check_regions(client: Client, regions: Sequence[str]) -> None:
    """Of a hub that somebody named, asked only when there are regions."""
    missing = set(regions) - {edge.region for edge in client.edges()} if regions else ()
    if missing:
        client.close()
        raise EmbeddedError(
            f"the hub at {client.hub} knows no edge in {listing(sorted(missing))}: start one with `rtml edge --hub {client.hub}"
            f" --region {min(missing)}`, or leave the region out"
        )


def _no_region(folder: Path, missing: Sequence[str]) -> str:
    there = list(dict.fromkeys([*_edges(folder), *missing]))
    return (
        f"the `rtml up` that runs in {folder} has edges in {listing(_edges(folder))}, none in {listing(missing)}: stop it and"
        f" start `rtml up --home {folder} --region {','.join(there)}`, or name another folder with home="
    )


def _start(folder: Path, regions: Sequence[str], port: int = 0) -> Embedded:
    """Start one; the caller holds _guard and is alone in the folder."""
    last = recall(folder)
    there = list(dict.fromkeys([*(last.edges if last is not None else ()), *regions])) or ["na"]
    command = [sys.executable, "-m", "rtml_core.cli", "up", "--home", str(folder), "--region", ",".join(there)]
    command.append("--stop-with-input")
    if port or not _ports_are_free(folder, there):
        command += ["--port", str(port)]
    with _log(folder) as log:
        # A session of its own: Jupyter interrupts and kills the whole group of a kernel's processes. It works in its folder, so
        # that no file of the user's is imported in place of a module.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    machine = Embedded(folder, process)
    # From now on, so that a process forked while it starts lets go of the pipe.
    _machines[folder] = machine
    try:
        while True:
            found = find(folder) if machine.running else None
            if found is not None:
                machine.hub = found
                return machine
            if not machine.running:
                raise EmbeddedError(
                    f"no hub and edges could be started in {folder}: {_last_lines(folder / LOG)} (all that was said stands in"
                    f" {folder / LOG})"
                )
            time.sleep(_LOOK_SECONDS)
    except BaseException:  # an interrupt, too
        machine.stop()
        del _machines[folder]
        raise


def _ports_are_free(folder: Path, regions: Sequence[str]) -> bool:
    """Whether there was a start in this folder, and its ports can be had again."""
    from rtml_plugins.up.machine import plan  # brings the hub's database along

    if recall(folder) is None:
        return False
    try:
        plan(folder, None, None, regions)
    except PortTaken:
        return False
    return True


@contextlib.contextmanager
def _log(folder: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    with open(descriptor, "ab") as log:
        yield log


def _last_lines(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-_LINES:]) or "it said nothing"


def _say(machine: Embedded) -> None:
    regions = ", ".join(_edges(machine.home))
    print(
        f"rtml: started a hub at {machine.hub} with edges in {regions}, kept in {machine.home}; they end with this process",
        file=sys.stderr,
        flush=True,
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder, made when it is not there, for one that connects at a time, of all processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / _LOCK).open("a")
    except OSError as error:
        raise HomeError(f"{folder} can't be used as a folder: {error.strerror}. Name another with home=") from None
    with lock:
        deadline = time.monotonic() + _OTHERS_SECONDS
        while True:
            try:
                # lockf: this lock is the process's own, one that is forked from it does not hold it on
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except (BlockingIOError, PermissionError):
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"another process has been connecting in {folder} for {_OTHERS_SECONDS:.0f} s: end it, or name another"
                        f" folder with home="
                    ) from None
            time.sleep(_LOOK_SECONDS)
        yield


def _after_fork() -> None:
    """The child has no machines of its own: it finds its parent's."""
    global _guard
    _guard = threading.Lock()  # another thread of the parent may have held it
    for machine in _machines.values():
        machine._let_go()
    _of_parent.extend(_machines.values())
    _machines.clear()


os.register_at_fork(after_in_child=_after_fork)
