"""The process in which a package is checked, see checks: `python -m rtml_plugins.hub.checking`, task and bytes in, JSON out."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

import msgspec

from rtml_core.errors import PackageError, said
from rtml_core.package import read_archive
from rtml_core.runtime import Runtime
from rtml_plugins.hub.checks import READY, Outcome, Task

#: prctl: the signal that comes when the parent ends (linux/prctl.h)
_PR_SET_PDEATHSIG = 1
#: a manifest beyond this describes no signature that people made, in bytes of JSON
_LARGEST_MANIFEST = 16 << 20


def check(data: bytes, trust: tuple[str, ...] = ()) -> Outcome:
    """Load a package as an edge does."""
    try:
        archive = read_archive(data, "it")
        if not archive.manifest.parity.checked:
            raise PackageError(
                "it was built without the parity gate, so nothing proves it equal to what was authored: build it with the gate"
            )
        if len(msgspec.json.encode(archive.manifest)) > _LARGEST_MANIFEST:
            raise PackageError(f"its manifest has more than {_LARGEST_MANIFEST >> 20} MiB")
        runtime = Runtime(archive, trust=trust, where="it")
    except PackageError as error:
        return Outcome(refused=str(error))
    except Exception as error:  # onnxruntime raises classes of its own, also where there is no memory
        return Outcome(refused=f"it can't be loaded and scored here: {said(error, 400)}")
    return Outcome(runtime.id, runtime.manifest)


def main() -> None:
    """Read task and package from stdin, answer on what was stdout; what plugins print goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    data = sys.stdin.buffer.read()
    _confine(task)
    with os.fdopen(answer, "wb") as stream:
        stream.write(READY)
        stream.flush()
        outcome = check(data, task.trust)
        stream.write(msgspec.json.encode(outcome))


def _confine(task: Task) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(5)  # edges on the same machine go first
    seconds = int(task.seconds) + 1
    for limit, most in ((resource.RLIMIT_DATA, task.memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main()
