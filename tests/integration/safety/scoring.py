"""What Python operators leave behind, in a process of its own: `scoring.py calls|runtimes|signals|deep package number`.

Prints one line of JSON.
"""

import gc
import json
import os
import random
import signal
import sys
import threading
import time
import tracemalloc
from pathlib import Path

from rtml_core import RtmlError, Runtime

ROW, ANSWER = {"s": "ab"}, {"s": "ab!?"}
BAD = {"s": "break:exception"}


def resident() -> int:
    """kB of memory that the process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def fails(runtime: Runtime) -> bool:
    try:
        runtime.score_row(BAD)
    except RtmlError as error:
        return "breaking:texts 1" in str(error)
    return False


def score(runtime: Runtime, count: int) -> int:
    """How many of so many calls were right; one in a hundred has to fail."""
    right = 0
    for number in range(count):
        right += fails(runtime) if number % 100 == 99 else runtime.score_row(ROW) == ANSWER
    return right


def calls(runtime: Runtime, count: int) -> dict[str, object]:
    """Memory over so many calls: of the process, and of what Python knows of."""
    right = score(runtime, 5_000)
    gc.collect()
    before = resident()
    right += score(runtime, count - 5_000)
    gc.collect()
    grown = resident() - before
    tracemalloc.start()
    score(runtime, 300)
    gc.collect()
    known = tracemalloc.get_traced_memory()[0]
    score(runtime, 3_000)
    gc.collect()
    return {"right": right, "grown_kb": grown, "known_grown_bytes": tracemalloc.get_traced_memory()[0] - known}


def runtimes(path: str, count: int) -> dict[str, object]:
    """Memory and objects over so many runtimes, loaded, used and dropped."""
    data, right = Path(path).read_bytes(), 0
    for number in range(count):
        if number == count // 4:
            gc.collect()
            before, objects = resident(), len(gc.get_objects())
        right += Runtime.from_bytes(data, trust=["rtml-breaking"]).score_row(ROW) == ANSWER
    gc.collect()
    return {"right": right, "grown_kb": resident() - before, "objects": len(gc.get_objects()) - objects}


class Alarm(Exception):
    """What the handler of SIGUSR1 raises."""


def alarm(number: int, frame: object) -> None:
    raise Alarm


def signals(runtime: Runtime, seconds: float) -> dict[str, object]:
    """The main thread scores while another sends it signals whose handlers raise, the next one when the last was answered."""
    signal.signal(signal.SIGUSR1, alarm)
    end = time.monotonic() + seconds
    numbers = (signal.SIGINT, signal.SIGUSR1)
    sent = right = wrong = answered = 0
    sending, scores = True, False

    def send() -> None:
        nonlocal sent, sending
        while time.monotonic() < end:
            if scores and sent == answered:
                sent += 1
                os.kill(os.getpid(), numbers[sent % 2])
            time.sleep(random.random() / 1000)
        sending = False

    threading.Thread(target=send).start()
    while sending or answered < sent:
        try:
            while sending or answered < sent:
                scores = True
                if runtime.score_row(ROW) == ANSWER:
                    right += 1
                else:
                    wrong += 1
        except (KeyboardInterrupt, Alarm):
            answered += 1
    handlers = [signal.getsignal(number) for number in numbers] == [signal.default_int_handler, alarm]
    return {"right": right, "wrong": wrong, "sent": sent, "answered": answered, "handlers": handlers}


def deep(path: str, count: int) -> dict[str, object]:
    """Calls from ever less deep in the stack, the first one that has room being the first of the process; and again."""
    runtime = Runtime.from_file(path, trust=["rtml-breaking"], verify=False)

    def called(left: int) -> object:
        return called(left - 1) if left else runtime.score_row(ROW)

    found = []
    for _ in range(2):
        answers = []
        for left in range(sys.getrecursionlimit(), sys.getrecursionlimit() - count, -1):
            try:
                answers.append(called(left) == ANSWER)
            except RecursionError:
                answers.append(None)
        found.append(answers)
    return {"refused": [answers.count(None) for answers in found], "right": [answers.count(True) for answers in found]}


def main() -> None:
    what, path, count = sys.argv[1:]
    if what in ("runtimes", "deep"):
        found = {"runtimes": runtimes, "deep": deep}[what](path, int(count))
    else:
        runtime = Runtime.from_file(path, trust=["rtml-breaking"])
        found = calls(runtime, int(count)) if what == "calls" else signals(runtime, float(count))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
