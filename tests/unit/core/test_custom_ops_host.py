"""A Python body inside of onnxruntime never takes the process down: whatever it does, the next call is right."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from rtml_core.custom_ops import CustomOp, guarding, hosting
from rtml_core.custom_ops.hosting import run_body
from rtml_core.errors import CustomOpError, PluginError

CHILD = Path(__file__).parent / "failing_op.py"
NAME = "CustomOpError: the custom operator bad:body 1 (__main__:body) failed: "

#: how a body fails, what the call raises; the process must live and the next call be right
FAILURES = {
    "exception": NAME + "ZeroDivisionError: division by zero",
    "none": NAME + "it returned None, and must return a numpy array",
    "list": NAME + "it returned ['a', 'b'], and must return a numpy array",
    "too_many": NAME + "it returned 2 arrays, and has 1 outputs",
    "dtype_of_the_same_size": NAME + "it returned an array of float64, and must return object for a string column",
    "shape": NAME + "it returned an array of shape (3,) for 2 rows, and must return (2,)",
    "rank": NAME + "it returned an array of shape (2, 1) for 2 rows, and must return (2,)",
    "a_number_among_texts": NAME + "it returned 3 among texts; a text must be a str, or None where it is missing",
    "half_a_character": NAME + "it returned 'b\\ud800', half of a character, which no UTF-8 text holds",
    "a_zero": NAME + "it returned a text with U+0000, which onnxruntime would cut there",
    "missing": NAME + "it gave a missing value for a row that is all there, and is not declared to (gives_missing)",
    "the_mark": NAME + "it returned the text U+FDD0, which stands for a missing one; return None instead",
    "recursion": NAME + "RecursionError: maximum recursion depth exceeded",
    "writing": NAME + "ValueError: assignment destination is read-only",
    "exit": NAME + "SystemExit: 3",
    "interrupt": NAME + "KeyboardInterrupt: ",
    "attribute_text": NAME + "its arguments are no JSON: '{'",
    "attribute_names": NAME + "it takes no argument 'marc'. It takes: mark. Did you mean 'mark'?",
    "attribute_type": NAME + "argument 'mark' must be of type string; got 3",
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What each way of failing gave, all of them in one process, which must live to the end."""
    done = subprocess.run([sys.executable, str(CHILD), *FAILURES, "number", "late"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failing_body_is_an_error_that_names_it_and_the_next_call_is_right(how: str, found: dict[str, list[str]]) -> None:
    raised, following = found[how]
    assert raised.startswith(FAILURES[how])
    assert following == "['fine']"


def test_a_number_of_the_same_size_is_not_taken_for_another(found: dict[str, list[str]]) -> None:
    raised, following = found["number"]
    assert raised.endswith("failed: it returned an array of int64, and must return float64 for a float64 column")
    assert following == "[14.0]"


def test_operators_may_be_declared_while_sessions_are_open(found: dict[str, list[str]]) -> None:
    assert found["late"] == ["True", "['2fine']"]


def tell(texts: Any, mark: str) -> Any:
    if "bad" in texts.tolist():
        raise ValueError(f"bad {mark}")
    return np.array([f"{mark}{text}" for text in texts] + [None], dtype=object)[:-1]


TELL = CustomOp("testing", "tell", 1, ("string",), ("string",), tell, "texts behind a mark", {"mark": "string"})


def run_of(op: CustomOp, mark: str) -> Any:
    """A guarded run of a model of two nodes one after the other."""
    hosting.declare([op])
    x = ir.Value(name="x", type=ir.TensorType(ir.DataType.STRING), shape=ir.Shape(["N", "K"]))
    values, nodes = [x], []
    for number in range(2):
        node = ir.node(op.name, [values[-1]], {"arguments": op.encode({"mark": mark})}, domain=op.onnx_domain, name=f"n{number}")
        out = node.outputs[0]
        out.name, out.type, out.shape = f"y{number}", x.type, x.shape
        values.append(out)
        nodes.append(node)
    graph = ir.Graph([x], [values[-1]], nodes=nodes, opset_imports={"": 21, op.onnx_domain: 1}, name="g")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.register_custom_ops_library(hosting.library())
    model = ir.to_proto(ir.Model(graph, ir_version=10)).SerializeToString()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return guarding.guarded(session.run)


def test_threads_get_their_own_answers_and_their_own_failures() -> None:
    run = run_of(TELL, "-")
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(150):
            text = "bad" if (turn + number) % 3 == 0 else f"{number}.{turn}"
            try:
                found = run(None, {"x": np.array([[text]], dtype=object)})[0].item()
            except CustomOpError as error:
                found = str(error)
            expected = "ValueError: bad -" if text == "bad" else f"--{text}"
            if not found.endswith(expected) or ("failed" in found) != (text == "bad"):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_body_may_score_another_model() -> None:
    inner = run_of(TELL, "i")

    def outer(texts: Any) -> Any:
        answers = [inner(None, {"x": np.array([[text]], dtype=object)})[0].item() for text in texts]
        return np.array([*answers, None], dtype=object)[:-1]

    nested = CustomOp("testing", "nested", 1, ("string",), ("string",), outer, "scores another model")
    run = guarding.guarded(lambda text: run_body(nested, (np.array([[text]], dtype=object),), {})[0].item())
    assert run("a") == "iia"
    with pytest.raises(CustomOpError, match=r"testing:tell 1 .* bad i"):
        run("bad")
    assert run("b") == "iib"


def test_thousands_of_calls_leave_nothing_behind() -> None:
    import gc
    import resource

    run = run_of(TELL, "x" * 1000)
    row = {"x": np.array([["y" * 1000]] * 20, dtype=object)}

    def calls(count: int) -> None:
        for number in range(count):
            if number % 10 == 0:
                with pytest.raises(CustomOpError):
                    run(None, {"x": np.array([["bad"]], dtype=object)})
            run(None, row)

    calls(300)
    gc.collect()
    objects, memory = len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(3000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20_000  # kB; one kept answer a call would be 120,000


def test_what_is_in_use_is_not_exchanged() -> None:
    hosting.declare([TELL])
    hosting.declare([TELL])
    other = CustomOp("testing", "tell", 1, ("string",), ("string",), lambda texts, mark: texts, "another", {"mark": "string"})
    with pytest.raises(PluginError, match=r"testing:tell 1 is in use in this process with another declaration .*another version"):
        hosting.declare([other])


def test_a_body_that_is_not_there_is_told_before_the_first_row() -> None:
    missing = {"no_such_module_x:f": "ModuleNotFoundError", "json:nothing": "AttributeError", "sys:maxsize": "no function"}
    for body, words in missing.items():
        with pytest.raises(PluginError, match=rf"the body of the custom operator testing:lost 1, '{body}'.*{words}"):
            hosting.declare([CustomOp("testing", "lost", 1, ("string",), ("string",), body, "lost")])


# ---- what a body sees ---------------------------------------------------------------------------------------------------

NAT = -(2**63)


def looking(seen: list[Any], answer: Any, **declared: Any) -> CustomOp:
    def body(*columns: Any) -> Any:
        seen.append([column.tolist() for column in columns])
        return answer(*columns)

    return CustomOp("testing", "looking", 1, body=body, doc="looks", **declared)


def test_rows_with_missing_inputs_never_reach_a_body_that_does_not_want_them() -> None:
    seen: list[Any] = []
    op = looking(seen, lambda t, f: t + np.timedelta64(1, "us"), inputs=("timestamp", "float32"), outputs=("timestamp",))
    times = np.array([[5, NAT], [7, -1]])
    (made,) = run_body(op, (times, np.array([[1, 1], [np.nan, 2]], dtype=np.float32)), {})
    assert made.tolist() == [[6, NAT], [NAT, 0]]
    assert [len(column) for column in seen[0]] == [2, 2]
    (made,) = run_body(op, (np.full((2, 1), NAT), np.ones((2, 1), np.float32)), {})
    assert made.tolist() == [[NAT], [NAT]]
    (made,) = run_body(op, (np.zeros((0, 1), np.int64), np.ones((0, 1), np.float32)), {})
    assert made.shape == (0, 1)


def test_a_body_that_wants_missing_values_gets_none_and_may_answer() -> None:
    seen: list[Any] = []
    op = looking(seen, lambda t: t, inputs=("string",), outputs=("string",), sees_missing=True)
    (made,) = run_body(op, (np.array([["a"], ["\ufdd0"]], dtype=object),), {})
    assert seen == [[["a", None]]]
    assert made.tolist() == [["a"], ["\ufdd0"]]
    texts: dict[str, Any] = {"inputs": ("string",), "outputs": ("string",), "sees_missing": True}
    filling = looking(seen, lambda t: np.array([x or "none" for x in t], dtype=object), **texts)
    assert run_body(filling, (np.array([["\ufdd0"]], dtype=object),), {})[0].tolist() == [["none"]]


def test_inputs_of_different_shapes_are_refused() -> None:
    op = looking([], lambda a, b: a, inputs=("float64", "float64"), outputs=("float64",))
    with pytest.raises(CustomOpError, match=r"its inputs differ in shape: \(2, 1\), \(2, 2\)"):
        run_body(op, (np.ones((2, 1)), np.ones((2, 2))), {})
