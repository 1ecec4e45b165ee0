"""rtml_custom_op.h: what an author's C gets of columns and arguments, and that everything wrong is a sentence, not a crash."""

from __future__ import annotations

import ctypes
import resource
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

Array = np.ndarray[Any, Any]
SIX = ["float64", "float32", "int64", "bool", "timestamp", "string"]
ARGUMENTS: dict[str, Any] = {"times": 3, "rate": "2.5", "same": 0}
MISSING = "\ufdd0"
#: sessions that hypothesis opens once
SEEN: dict[str, Any] = {}


@pytest.fixture(scope="session")
def library(compile_c: Callable[..., Path]) -> Path:
    return compile_c("everything.c")


@pytest.fixture(scope="session")
def change(opened: Any, library: Path) -> Callable[..., list[Array]]:
    return opened(library, "every.change.v1", "change", SIX, SIX, **ARGUMENTS)


@pytest.fixture(scope="session")
def seen(opened: Any, library: Path) -> Callable[..., Callable[..., list[Array]]]:
    return lambda **arguments: opened(library, "every.seen.v2", "seen", ["string"], ["int64", "float64", "string"], **arguments)


def columns(texts: list[str], shape: tuple[int, ...] | None = None) -> list[Array]:
    count = len(texts)
    made = [
        np.arange(count) + 1.5,
        np.arange(count, dtype=np.float32),
        np.arange(count) + 1,
        np.arange(count) % 2 == 0,
        np.arange(count),
        np.array(texts, dtype=object),
    ]
    return [column.reshape(shape or (count,)) for column in made]


def test_every_dtype_goes_in_and_out(change: Callable[..., list[Array]]) -> None:
    made = [column.tolist() for column in change(*columns(["abc", "", "gone"]))]
    assert made == [[3.75, 6.25, 8.75], [1.0, 2.0, 3.0], [3, 6, 9], [False, True, False], [1, 2, 3], ["cba", "", MISSING]]


def test_a_row_with_a_missing_input_is_missing_without_a_call(change: Callable[..., list[Array]]) -> None:
    rows = columns(["fail"] * 4 + ["ab"])
    rows[0][0] = rows[1][1] = np.nan
    rows[4][2] = np.iinfo(np.int64).min
    rows[5][3] = MISSING
    found = change(*rows)
    assert np.isnan(found[0][:4]).all()
    assert np.isnan(found[1][:4]).all()
    assert [column[:4].tolist() for column in found[2:4]] == [[0] * 4, [False] * 4]
    assert (found[4][:4] == np.iinfo(np.int64).min).all()
    assert found[5].tolist() == [MISSING] * 4 + ["ba"]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), (6,), (2, 3), (1, 2, 3), (1, 1, 1, 1, 1, 1, 2, 3)])
def test_any_shape(change: Callable[..., list[Array]], shape: tuple[int, ...]) -> None:
    texts = ["ab", "c", "xyz", "", "ab" * 31, "d"][: int(np.prod(shape))]
    found = change(*columns(texts, shape))
    assert [column.shape for column in found] == [shape] * 6
    assert found[5].reshape(-1).tolist() == [text[::-1] for text in texts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=20))
def test_texts_are_bytes_of_utf8(seen: Any, texts: list[str]) -> None:
    if "plain" not in SEEN:
        SEEN["plain"] = seen()
    run = SEEN["plain"]
    lengths, _, _ = run(np.array(texts, dtype=object))
    assert lengths.tolist() == [-1 if text == MISSING else len(text.encode()) for text in texts]


def test_a_scalar_is_one_row(seen: Any) -> None:
    lengths, numbers, words = seen(numbers="[[1.5e2, -2], [7]]", word="wört")(np.array("abc", dtype=object))
    assert (lengths.item(), numbers.item(), words.item()) == (3, 148.0, "wört")


@pytest.mark.parametrize("text", ["[1, 2e400]", "[0.1, 1e-320]", "[-0.0, 3]", "[ 1.7976931348623157e308 , 2 ]"])
def test_numbers_are_read_as_python_reads_them(seen: Any, text: str) -> None:
    one, two = (float(word) for word in text.strip("[] ").split(","))
    assert seen(numbers=text)(np.array(["a"], dtype=object))[1].tolist() == [one + two]


def test_a_null_argument_is_absent(seen: Any) -> None:
    lengths, numbers, words = seen()(np.array([["a", MISSING], ["", MISSING + "b"]], dtype=object))
    assert lengths.tolist() == [[1, -1], [0, 4]]
    assert numbers.tolist() == [[-1.0, -1.0]] * 2
    assert words.tolist() == [[MISSING, MISSING]] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fail", "told to fail"),
        ("skip", "its code gave no answer for a row"),
        ("half", r"w\?rd"),
        ("zero", "its answer is no text: it is not UTF-8, or holds a U"),
        ("read", "its code reads float64 where it declares something else"),
        ("give", "its code gives int64 where it declares something else"),
        ("both", "its code gives a missing value where none can be"),
        ("none", "its code reads float64 where it declares something else"),
    ],
)
def test_what_goes_wrong_in_a_row_names_the_operator_and_the_next_run_is_right(
    change: Callable[..., list[Array]], text: str, words: str
) -> None:
    with pytest.raises(Exception, match=f"the native operator every:change 1: {words}"):
        change(*columns(["ab", text, "cd"]))
    assert change(*columns(["ab"]))[5].tolist() == ["ba"]


@pytest.mark.parametrize(("text", "start"), [("long", 0), ("odd ", 1)])
def test_a_sentence_that_is_too_long_is_cut_between_characters(change: Callable[..., list[Array]], text: str, start: int) -> None:
    sentence = "ä€ä😀abc" * 24
    with pytest.raises(Exception, match="the native operator every:change 1: ") as caught:
        change(*columns([text]))
    said = str(caught.value).partition("every:change 1: ")[2]
    assert said == sentence[start:][: len(said)]
    assert len(said.encode()) > 190


@given(st.binary(max_size=8) | st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_an_answer_is_utf8_or_refused(opened: Any, library: Path, answer: bytes) -> None:
    if "bytes" not in SEEN:
        SEEN["bytes"] = opened(library, "every.bytes.v1", "bytes", ["string"], ["string"])
    run = SEEN["bytes"]
    try:
        text = answer.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        with pytest.raises(Exception, match="the native operator every:bytes 1: its answer is no text"):
            run(np.array([answer.hex()], dtype=object))
    else:
        assert run(np.array([answer.hex()], dtype=object))[0].tolist() == [text]


def test_shapes_that_differ_are_refused(change: Callable[..., list[Array]]) -> None:
    for shape in ((1,), (1, 2), ()):
        rows = columns(["ab", "cd"])
        rows[3] = np.zeros(shape, dtype=bool)
        with pytest.raises(Exception, match="the native operator every:change 1: its inputs differ in shape"):
            change(*rows)
    with pytest.raises(Exception, match="its input has more than 8 dimensions"):
        change(*columns(["ab"], (1,) * 9))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"times": None}, "its argument 'times' is missing"),
        ({"times": 2.0}, "its argument 'times' must be an int"),
        ({"times": "2"}, "its argument 'times' must be an int"),
        ({"rate": None}, "its argument 'rate' is missing"),
        ({"rate": 2.5}, "its argument 'rate' must be a text"),
        ({"rate": 2}, "its argument 'rate' must be a text"),
        ({"rate": "two"}, "its argument 'rate' must be the text of a number"),
        ({"rate": "2.5 "}, "its argument 'rate' must be the text of a number"),
        ({"rate": ""}, "its argument 'rate' must be the text of a number"),
        ({"same": 2}, "its argument 'same' must be 0 or 1"),
    ],
)
def test_an_argument_that_is_not_as_declared_is_refused_when_the_session_opens(
    opened: Any, library: Path, changed: dict[str, Any], words: str
) -> None:
    given = {name: value for name, value in {**ARGUMENTS, **changed}.items() if value is not None}
    with pytest.raises(Exception, match=f"the native operator every:change 1: {words}"):
        opened(library, "every.change.v1", "change", SIX, SIX, **given)


@pytest.mark.parametrize("text", ["[1]", "[]", "", "[1, null]", '["1", "2"]', "{1: 2}", "[1, x]", "[--1, 2]"])
def test_what_prepare_says_is_the_refusal(seen: Any, text: str) -> None:
    with pytest.raises(Exception, match="the native operator every:seen 2: it needs a list of two numbers or more"):
        seen(numbers=text)


def test_an_optional_argument_of_another_type_is_not_taken_for_null(seen: Any) -> None:
    with pytest.raises(Exception, match="its argument 'numbers' must be a text"):
        seen(numbers=1)
    with pytest.raises(Exception, match="its argument 'word' must be a text"):
        seen(word=1.5)


@pytest.mark.parametrize(
    ("name", "words"),
    [("nothing", "it needs a function, an input and an output"), ("long", "it has more than 16 inputs, outputs or arguments")],
)
def test_an_operator_that_makes_no_sense_is_refused(compile_c: Callable[..., Path], opened: Any, name: str, words: str) -> None:
    with pytest.raises(Exception, match=f"the native operator every:{name} 1: {words}"):
        opened(compile_c("everything.c", f"-D{name.upper()}"), "every.change.v1", "change", SIX, SIX, **ARGUMENTS)


def test_an_onnxruntime_that_is_too_old_is_told_so(library: Path) -> None:
    """A stand-in for onnxruntime 1.15: it has no API 16, and what makes a status is the first entry of any other."""
    said: list[tuple[int, bytes]] = []
    create = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)(lambda code, text: said.append((code, text)) or 1)
    entries = (ctypes.c_void_p * 1)(ctypes.cast(create, ctypes.c_void_p))
    asked: list[int] = []
    found = {15: ctypes.addressof(entries), 1: ctypes.addressof(entries)}
    get = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)(lambda version: asked.append(version) or found.get(version))
    base = (ctypes.c_void_p * 2)(ctypes.cast(get, ctypes.c_void_p), None)
    register = ctypes.CDLL(str(library)).RegisterCustomOps
    register.restype = ctypes.c_void_p
    assert register(None, base) == 1
    assert said == [(1, b"native operators of rtml need ONNX Runtime 1.16 or later")]
    assert asked == [16, 1]


def test_threads_do_not_meet(change: Callable[..., list[Array]]) -> None:
    wrong: list[Any] = []

    def work(word: str) -> None:
        for count in range(1, 300):
            found = change(*columns([word] * (count % 17)))[5].tolist()
            if found != [word[::-1]] * (count % 17):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(f"word{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_calls_leave_nothing_behind(change: Callable[..., list[Array]]) -> None:
    """Two thousand calls of a thousand texts of forty bytes: 80 MB, if the texts of a call stayed."""
    rows = columns(["x" * 40] * 1000)
    for _ in range(50):
        change(*rows)
    before = resident()
    for _ in range(2000):
        change(*rows)
    assert resident() - before < 8_000_000


def resident() -> int:
    """Bytes of memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize()
