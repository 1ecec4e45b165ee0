"""A request as code means the same row to a shell, to Python and to JavaScript, whatever stands in it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtml_plugins.hub.gallery import snippets

HOSTILE = [
    'it\'s $HOME `id` $(id) \\ ! "x" %s',
    "</script><b>&amp;",
    "a\nb\tc\r",
    "\u2028\u2029\u202e\x7f",
    "'''\"\"\"{x}${y}",
    "@/etc/passwd",
    "-n",
    "日本🙂",
    "",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.dictionaries(TEXTS | st.just("__proto__"), TEXTS | NUMBERS | st.booleans() | st.none(), max_size=4)
ROW: dict[str, Any] = {"age": 41.5, "text": HOSTILE[0], "__proto__": 7, "flag": None}


def made(row: dict[str, Any], **options: Any) -> dict[str, str]:
    given = {
        "edge": "http://10.0.0.7:8001/",
        "service": "churn",
        "version": None,
        "region": None,
        "hub": "http://hub",
        "keyed": False,
    }
    return {one.title: one.code for one in snippets.snippets(msgspec.json.encode(row), **{**given, **options})}


def literal(code: str) -> dict[str, Any]:
    """The row in Python code."""
    assigned = next(node for node in ast.parse(code).body if isinstance(node, ast.Assign))
    row: dict[str, Any] = ast.literal_eval(assigned.value)
    return row


@given(ROWS)
@example(dict.fromkeys(HOSTILE, 2**53 + 1))
@settings(max_examples=100, deadline=None)
def test_python_means_the_row(row: dict[str, Any]) -> None:
    for title in ("Python", "Python, httpx"):
        found = literal(made(row)[title])
        assert found == row
        assert {key: repr(value) for key, value in found.items()} == {key: repr(value) for key, value in row.items()}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_shell_sends_the_row(text: str) -> None:
    code = made({"text": text, text or "x": 2**63})["curl"]
    # instead of curl, a command that tells its arguments apart
    shown = subprocess.run(
        ["/bin/sh", "-c", f"curl() {{ printf '%s\\0' \"$@\"; }}\n{code}"],
        capture_output=True,
        check=True,
        env={"HOME": "/nowhere"},
    ).stdout.split(b"\0")
    assert shown[:3] == [b"--silent", b"--show-error", b"http://10.0.0.7:8001/v1/services/churn/predict"]
    assert json.loads(shown[shown.index(b"--data-raw") + 1]) == {"text": text, text or "x": 2**63}


def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is not there: install Node.js (nodejs)")
        pytest.skip("needs Node.js: apt-get install nodejs")
    return found


def test_javascript_sends_the_row() -> None:
    rows: list[dict[str, Any]] = [ROW, {}, {"big": 2**53 + 1, "x": 0.1}, {"small": -(2**53) + 1}, {"__proto__": None}]
    rows += [{text: text} for text in HOSTILE]
    begin = (
        "const bodies = [];\nconsole.log = () => {};\n"
        "const sent = async (url, { body }) => { bodies.push(body); return { ok: true, json: async () => ({}) }; };"
    )
    codes = [made(row)["JavaScript"].replace("await fetch(", "await sent(") for row in rows]
    program = "\n".join([begin, *(f"{{\n{code}\n}}" for code in codes), "process.stdout.write(JSON.stringify(bodies));"])
    out = subprocess.run([node(), "--input-type=module", "-e", program], capture_output=True, check=True, timeout=60).stdout
    assert [json.loads(body) for body in json.loads(out)] == rows


def test_a_key_is_a_variable_and_the_version_and_region_stand_in_the_code() -> None:
    code = made(ROW, keyed=True, version=3, region="emea")
    assert all("RTML_API_KEY" in one for one in code.values())
    assert "/v1/services/churn/versions/3/predict" in code["curl"]
    assert "Client('http://hub', region='emea')" in code["Python"]
    assert "version=3" in code["Python"]
    assert "RTML_API_KEY" not in "".join(made(ROW).values())


def test_without_an_edge_its_address_is_a_placeholder() -> None:
    assert snippets.ANY_EDGE in made(ROW, edge=None)["curl"]
