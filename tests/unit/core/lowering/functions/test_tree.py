"""Documents of functions: what comes from JSON is checked in full before anything runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtml_core.errors import NotLowerableError, ParamError
from rtml_core.lowering.functions import PythonFunction
from rtml_core.lowering.functions.text import unparse
from tests.unit.core.lowering.functions.harness import Compiled


def document(body: Any, **more: Any) -> dict[str, Any]:
    return {"python": 1, "name": "f", "args": ["x"], "body": body, **more}


def returning(node: Any) -> dict[str, Any]:
    return document([["return", 1, node]])


def nested(depth: int) -> Any:
    node: Any = ["name", "x"]
    for _ in range(depth):
        node = ["unary", "-", node]
    return node


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "must be an object"),
        ({"python": 2, "name": "f", "args": [], "body": []}, "this rtml reads 1: upgrade rtml"),
        (document([], extra=1), "no key 'extra'"),
        (document({}), "a body of a function must be a list"),
        (document([["import", 1, "os"]]), "no statement 'import'"),
        (returning(["eval", "x"]), "no expression 'eval'"),
        (returning(["call", "eval", [["const", "1"]]]), "no function 'eval'"),
        (returning(["call", "math.floorr", [["name", "x"]]]), "Did you mean 'math.floor'"),
        (returning(["method", ["name", "x"], "format", []]), "no method 'format'"),
        (returning(["method", ["name", "x"], "__class__", []]), "no method '__class__'"),
        (returning(["call", "len", []]), "len() takes 1 argument; got 0"),
        (returning(["run", "f", [["name", "x"]]]), "no function of the author before this one called 'f'"),
        (returning(["binary", "@", ["name", "x"], ["name", "x"]]), "no operator '@'"),
        (returning(["const", [1]]), "a constant must be"),
        (returning(["const", 1e400]), "a constant must be"),
        (returning(["const", "a" * 200_000]), "a constant must be"),
        (returning(["const", "half \ud83d"]), "must not hold U+FDD0, which stands for a missing one, or half of a character"),
        (returning(["const", "\ufdd0"]), "must not hold U+FDD0"),
        (returning(["name", "a b"]), "must be a Python name"),
        (returning(["name"]), "'name' takes 1 parts"),
        (returning("x"), "must be a list that begins with its kind"),
        (returning(nested(200)), "too large"),
        (returning(["tuple", [["const", n] for n in range(30_000)]]), "must be a list"),
        (document([["return", -1, ["const", 1]]]), "line of a statement"),
        (document([["raise", 1, "SystemExit", None]]), "no exception 'SystemExit'"),
        (document([], functions={"g": {"args": [], "body": [["return", 1, ["run", "g", []]]]}}), "no function of the author"),
        (document([], functions={f"g{n}": {} for n in range(200)}), "at most 100 functions"),
        ({**document([]), "args": ["x", "x"]}, "holds a name twice"),
        ({**document([]), "row": "yes"}, "'row' of a function must be true or false"),
    ],
)
def test_hostile_documents_are_refused_by_name(given: Any, words: str) -> None:
    with pytest.raises(ParamError) as caught:
        PythonFunction(given)
    assert words in str(caught.value)


def test_work_without_end_is_cut_off() -> None:
    step = ["assign", 1, "x", ["binary", "+", ["name", "x"], ["name", "x"]]]
    body: list[Any] = [step]
    for _ in range(6):
        body = [["for", 1, "i", ["tuple", [["const", n] for n in range(20)]], body]]
    with pytest.raises(Exception, match=r"beyond 64 bits|too long|more than .* steps"):
        PythonFunction(document([*body, ["return", 1, ["name", "x"]]]))(1)
    with pytest.raises(OverflowError, match="too long"):
        PythonFunction(document([*body, ["return", 1, ["name", "x"]]]))("a")
    with pytest.raises(OverflowError, match=r"a list of .* items is too long"):
        PythonFunction(document([*[step] * 60, ["return", 1, ["name", "x"]]]))([1])
    with pytest.raises(OverflowError, match="too wide"):
        PythonFunction(returning(["method", ["name", "x"], "zfill", [["const", 10**12]]]))("a")
    power = ["binary", "**", ["name", "x"], ["const", 10**12]]
    with pytest.raises(OverflowError, match="beyond 64 bits"):
        PythonFunction(returning(power))(9)


def every(x: Any, s: Any) -> Any:
    """One of each kind of node."""
    if not (s.lower() in ("a", "b") and isinstance(x, (int, float))) or -x >= 2.5 > x:
        raise ValueError("no")
    total = 0
    for level in [1, 2]:
        total = total + level
    pick = {"a": 1}.get(s[:1]) if s[0] == "a" else 3
    return f"{total}{s}", any(v > x for v in (1, 2) if v), x**2 // 3 % 4, {1, 2}, pick, math_nan(x)


def math_nan(x: Any) -> Any:
    return abs(x) if x is not None else float("inf")


def test_a_document_survives_json_and_reads_as_python() -> None:
    tree = PythonFunction.read(every)
    text = json.dumps(tree.to_json())
    again = PythonFunction(json.loads(text))
    assert again.to_json() == tree.to_json()
    assert again(1, "a") == every(1, "a")
    shown = unparse(again.body[-1][2])
    assert shown.startswith("(f'{total}{s}', any((v > x) for v in (1, 2) if v), ((x ** 2) // 3) % 4, {1, 2}, pick, math_nan(x))")
    assert unparse(again.body[-2][3]) == "{'a': 1}.get(s[:1]) if (s[0] == 'a') else 3"


def test_calls_that_multiply_or_nest_are_cut_off_when_compiled() -> None:
    def doubling(count: int) -> dict[str, Any]:
        functions: dict[str, Any] = {"g0": {"args": ["x"], "body": [["return", 1, ["binary", "+", ["name", "x"], ["const", 1]]]]}}
        for n in range(1, count):
            once = ["run", f"g{n - 1}", [["name", "x"]]]
            functions[f"g{n}"] = {"args": ["x"], "body": [["return", 1, ["binary", "-", once, once]]]}
        return document([["return", 1, ["run", f"g{count - 1}", [["name", "x"]]]]], functions=functions)

    with pytest.raises(NotLowerableError, match=r"comes to more than 20,000 steps|nested too deeply"):
        Compiled(PythonFunction(doubling(40)), {"x": "float64"})
    assert Compiled(PythonFunction(doubling(4)), {"x": "float64"}).nodes > 0
