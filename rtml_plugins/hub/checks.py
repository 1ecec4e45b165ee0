"""What a package has to pass before a hub takes it: it is loaded as an edge loads it, in a process of its own.

A package is data, but data that makes onnxruntime allocate and compute: one that was made to do harm could hang a hub or have it
killed for its memory, and code of trusted plugins runs when it is loaded. The process costs about 0.3 s a publication, keeps
onnxruntime out of the hub, and ends with the hub.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Final

import msgspec

from rtml_core.package import Manifest
from rtml_plugins.hub.errors import Refused, Unavailable


class Limits(msgspec.Struct, frozen=True):
    """What checking a package may take. seconds: by the clock; memory: bytes, besides four times those of the package."""

    seconds: float = 60.0
    memory: int = 2 << 30


class Task(msgspec.Struct, frozen=True):
    """What the process is told, in the line before the package's bytes."""

    trust: tuple[str, ...]
    memory: int
    seconds: float


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the process answers: id and manifest of a package that passed, or why it was refused."""

    id: str = ""
    manifest: Manifest | None = None
    refused: str = ""


class Checked(msgspec.Struct, frozen=True):
    """A package that passed. size: bytes."""

    id: str
    size: int
    manifest: Manifest


DEFAULT: Final = Limits()
#: what the process writes before it looks at the package: what goes wrong from there on is the package's doing
READY: Final = b"ready\n"
#: -P: nothing is imported from the folder in which the hub was started
_COMMAND: Final = ("-P", "-m", "rtml_plugins.hub.checking")


def check_package(data: bytes, trust: tuple[str, ...] = (), limits: Limits = DEFAULT) -> Checked:
    """Load a package in a process of its own: guards, plugins, session, parity sample.

    Raises Refused with the reason, also when it takes more time or memory than the limits; Unavailable when the process itself
    does not work.
    """
    memory = limits.memory + 4 * len(data)
    head = msgspec.json.encode(Task(trust, memory, limits.seconds)) + b"\n"
    process = subprocess.Popen(
        [sys.executable, *_COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the hub, which then ends the process
    )
    with process:
        try:
            out, said = process.communicate(head + data, timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise Refused(
                f"the hub can't take the package: loading it and scoring its parity sample took more than {limits.seconds:g} s"
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return _checked(process.returncode, out, said, len(data), memory)


def _checked(code: int, out: bytes, said: bytes, size: int, memory: int) -> Checked:
    how = _signal(-code) if code < 0 else f"exit status {code}"
    if not out.startswith(READY):  # it did not come to the package
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"packages can't be checked on this hub: {last[:300] or how}")
    try:
        outcome = msgspec.json.decode(out[len(READY) :], type=Outcome)
    except msgspec.DecodeError:
        raise Refused(
            f"the hub can't take the package: it ended the process that loaded it ({how}), which had"
            f" {memory >> 20:,} MiB of memory"
        ) from None
    if outcome.manifest is None:
        raise Refused(f"the hub can't take the package: {outcome.refused}")
    return Checked(outcome.id, size, outcome.manifest)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
