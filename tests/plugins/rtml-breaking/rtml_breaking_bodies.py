"""Bodies that break as a row says: s = "break:how" for texts and pairs, x = one of BAD_NUMBERS for numbers."""

import decimal
import locale
import os
import sys
import threading
import time

import numpy as np

from rtml_core import Runtime


class Unreadable(Exception):
    """An exception that can't be put into words."""

    def __str__(self):
        raise RuntimeError


class Texts(str):
    """No plain text."""


def array(*items):
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def throw(error):
    raise error


def deep(number):
    return deep(number + 1)


def settings():
    """What a body should leave alone."""
    print("a body prints")
    print("a body complains", file=sys.stderr)
    np.seterr(all="raise")
    np.set_printoptions(precision=1)
    decimal.getcontext().prec = 3
    locale.setlocale(locale.LC_ALL, "C")
    os.environ["BROKEN"] = "1"
    sys.setswitchinterval(1e-4)
    return array("set")


def threads():
    """Threads that outlive the call, and one that fails."""
    for target in (lambda: time.sleep(0.2), lambda: 1 / 0):
        threading.Thread(target=target, daemon=True).start()
    return array("started")


def wait(seconds):
    """Says so, so that a test knows when it runs."""
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(seconds)
    return array("waited")


#: what the body of texts does with a row "break:how"
TEXTS = {
    "exception": lambda: 1 / 0,
    "unreadable": lambda: throw(Unreadable()),
    "none": lambda: None,
    "list": lambda: ["a"],
    "text": lambda: "a",
    "generator": lambda: (text for text in "a"),
    "too_many": lambda: (array("a"), array("a")),
    "too_few": lambda: (),
    "dtype_of_the_same_size": lambda: np.array([1.5]),
    "dtype_of_fixed_width": lambda: np.array(["a"]),
    "scalar": lambda: np.float64(1.0),
    "no_rank": lambda: np.array("a", dtype=object),
    "rank": lambda: array("a").reshape(1, 1),
    "huge": lambda: array(*"a" * 1_000_000),
    "a_number_among_texts": lambda: array(3),
    "bytes_among_texts": lambda: array(b"a"),
    "subclass_among_texts": lambda: array(Texts("a")),
    "half_a_character": lambda: array("b\ud800"),
    "a_zero": lambda: array("b\0c"),
    "missing": lambda: array(None),
    "the_mark": lambda: array("\ufdd0"),
    "recursion": lambda: deep(0),
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: throw(KeyboardInterrupt()),
    "end_of_generator": lambda: throw(GeneratorExit()),
    "stop": lambda: throw(StopIteration()),
    "memory": lambda: throw(MemoryError()),
    "too_large": lambda: np.empty(2**60),
}
#: what leaves a right answer, and something behind
ASIDE = {"settings": settings, "threads": threads, "wait": lambda: wait(0.5), "wait_long": lambda: wait(60)}
#: x -> what the body of numbers does
NUMBERS = {
    -1.0: lambda: np.array([1]),
    -2.0: lambda: np.ma.masked_array([1.5], [True]),
    -3.0: lambda: np.array([1.5], dtype=">f8"),
    -4.0: lambda: np.array([1.5 + 0j]),
    -5.0: lambda: np.array([np.nan]),
    -6.0: lambda: np.array([1, 2], dtype=np.float32),
    -7.0: lambda: np.array([1.0, 2.0]),
    -8.0: lambda: np.matrix([1.5]),
    -9.0: lambda: np.array([1.5], dtype=object),
}


def how(column):
    """What the first row asks for."""
    text = column[0] if len(column) else ""
    return text.removeprefix("break:") if text.startswith("break:") else None


def texts(column, marks):
    asked = how(column)
    if asked == "arguments":
        marks.append("changed")
        return array("done")
    if asked == "writing":
        column[0] = "changed"
    if asked in TEXTS:
        return TEXTS[asked]()
    if asked in ASIDE:
        return ASIDE[asked]()
    return array(*(text + "".join(marks) for text in column))


def numbers(column):
    if len(column) and column[0] in NUMBERS:
        return NUMBERS[column[0]]()
    return column * 2


def pair(column):
    asked = how(column)
    lengths = np.array([len(text) for text in column], dtype=np.float64)
    if asked == "pair_swapped":
        return lengths, array(*column)
    if asked == "pair_one":
        return array(*column)
    if asked == "pair_three":
        return array(*column), lengths, lengths
    return array(*column), lengths


_inner = []
_lock = threading.Lock()


def outer(column):
    """Each text through the package that BREAKING_INNER names."""
    path = os.environ.get("BREAKING_INNER")
    if path is None:
        return array(*(text + "!?" for text in column))
    with _lock:
        if not _inner:
            _inner.append(Runtime.from_file(path, trust=["rtml-breaking"]))
    return array(*(_inner[0].score_row({"s": text, "x": 1.0})["s"] for text in column))
