"""`rtml plugins check`: an operator that breaks the contract is told so, on its own rows and on edge rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.core.cli.check_helpers import GOOD, of, only, report_on

LOWERED = '''
from rtml_core.lowering.symbolic import value_of, new

class Made(Operator):
    """The sum of a number and one. One float64 column, in place."""

    {params}

    @classmethod
    def examples(cls):
        return [cls()]

    def parity_cases(self):
        return pd.DataFrame({{"x": [1.0, 2.5, None]}})

    def transform(self, frame):
        {transform}

    def lower(self, b, columns):
        {lower}
'''
LOWER = """x = b.op("Add", value_of(b, columns["x"]), b.const([[1.0]], "float64"), dtype="float64")
        return {**columns, "x": new("float64", x, nullable=True)}"""
TRANSFORM = 'return frame.assign(x=frame["x"] + 1.0)'


def lowered(*, transform: str = TRANSFORM, lower: str = LOWER, params: str = "") -> str:
    """An operator of two forms that adds one."""
    return LOWERED.format(transform=transform, lower=lower, params=params)


def test_an_operator_of_two_forms_passes(tmp_path: Path) -> None:
    report = report_on(tmp_path, lowered())
    assert {finding.level for finding in report.findings} == {"ok"}, str(report)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lowered(transform='return frame.assign(x=frame["x"] + 2.0)'), "both forms are compared on its parity cases"),
        (lowered(transform='frame["x"] += 1.0; return frame'), "changes column 'x' of the frame that it is given"),
        (lowered(transform='return frame.assign(x=frame["x"] + 1.0 + 0 * len(frame)).iloc[:2]'), "both forms are compared"),
        (lowered(lower='raise ValueError("not so")'), "ValueError: not so (made_"),
        (
            lowered(transform='return frame.assign(x=frame["x"] + frame["x"].mean())', lower="return columns").replace(
                "def lower", "def lowers_not"
            ),
            "one row's answer must depend on that row alone",
        ),
        (lowered(transform='raise ValueError("never")'), "refuses each of its parity cases: ValueError: never (made_"),
        (
            lowered().replace('pd.DataFrame({"x": [1.0, 2.5, None]})', "1 / 0"),
            "parity_cases() or columns() fails: ZeroDivisionError",
        ),
        (lowered().replace("return [cls()]", "return cls()"), "examples() of Made must return a list of its operators"),
        (
            lowered().replace("return [cls()]", "return [(cls(), [1.0])]"),
            "must return its operators, or pairs of one and a frame",
        ),
        (
            lowered().replace("return [cls()]", "return [cls]"),
            "must return its operators, or pairs of one and a frame; got <class",
        ),
        (lowered().replace("return [cls()]", "raise KeyError('x')"), "examples() fails: KeyError: 'x'"),
        (lowered().replace("return [cls()]", "raise SystemExit(4)"), "examples() fails: SystemExit: 4"),
        (lowered(transform="raise SystemExit(4)"), "SystemExit: 4"),
        (lowered(params="def to_json(self):\n        return {'a': {1, 2}}"), "does not come back from JSON"),
        (lowered(params="def to_json(self):\n        return {'a': 1}"), "unknown parameter 'a'"),
        (
            lowered(params="def schema(self, columns):\n        from rtml_core import Schema\n        return Schema([])"),
            "its schema says the columns []",
        ),
    ],
)
def test_an_operator_that_breaks_the_contract(tmp_path: Path, body: str, words: str) -> None:
    found = of(report_on(tmp_path, body), "contract", "error")
    assert len(found) == 1
    assert words in found[0].what
    assert found[0].cure


def test_the_line_of_a_refused_formula_is_said_once(tmp_path: Path) -> None:
    report = report_on(tmp_path, GOOD.replace("x * 2.0}", "max(x, 2.0)}"))
    (found,) = of(report, "contract", "error")
    assert "can't branch on a value" in found.what
    assert found.what.count("line ") == 1, found.what


def test_rows_may_come_with_an_example(tmp_path: Path) -> None:
    body = (
        lowered()
        .replace("[1.0, 2.5, None]", "[]")
        .replace("return [cls()]", 'return [(cls(), pd.DataFrame({"x": [4, 5]}) * 1.5)]')
    )
    (tried,) = of(report_on(tmp_path, body), "contract", "ok")
    assert tried.text == "Made: 1 example: parameters come back from JSON, 2 rows of its own equal in both forms"


def test_edge_rows_find_what_the_cases_do_not_show(tmp_path: Path) -> None:
    eager = [
        "def transform(self, frame):",
        '    x = frame["x"]',
        "    return frame.assign(twice=x * (2.0 + (x > 1e5)))",
        "",
        "def compute",
    ]
    body = GOOD.replace("def compute", "\n    ".join(eager))
    (finding,) = of(report_on(tmp_path, body), "contract", "error")
    assert "on its edge rows" in finding.what


def test_a_refusal_that_does_not_name_the_column_is_a_warning(tmp_path: Path) -> None:
    body = lowered(transform='if "x" not in frame: raise ValueError("something is missing")\n        ' + TRANSFORM)
    finding = only(report_on(tmp_path, body), "contract", "warning")
    assert "without the column 'x' process says ValueError: something is missing" in finding.what


def test_no_examples_no_rows_and_nothing_learned_are_warnings(tmp_path: Path) -> None:
    def fresh(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    untried = only(report_on(fresh("a"), GOOD.replace('return [cls(col="x")]', "return []")), "contract", "warning")
    assert untried.text.startswith("Made: not tried, as there are no examples: write the class method examples()")
    rows = only(report_on(fresh("b"), lowered().replace("[1.0, 2.5, None]", "[]")), "contract", "warning")
    assert rows.cure.startswith("write parity_cases()")
    learns = only(report_on(fresh("c"), lowered(params="learns = True")), "contract", "warning")
    assert learns.cure == "examples() must fit it"


# ---- custom operators -------------------------------------------------------------------------------------------

OPS = """
import numpy as np

def twice(x):
    return x * 2.0

def wrong(x):
    return x[:1]

def scaled(x, by):
    return x * by

def cases():
    return [([1.0, 2.0], {{"by": 3.0}})]

@hookimpl
def rtml_custom_ops():
    return [CustomOp("made", {declared}, doc="A number, changed.", inputs=("float64",), outputs=("float64",))]
"""


@pytest.mark.parametrize(
    ("declared", "level", "words"),
    [
        ('"twice", 1, body=twice', "ok", "made:twice 1 (python): 200 rows as its reference answers"),
        ('"wrong", 1, body=wrong', "error", "made:wrong 1 (python)"),
        (
            '"scaled", 1, body=scaled, arguments={"by": "float"}',
            "warning",
            "not tried, as there are no cases that give the arguments",
        ),
        ('"scaled", 1, body=scaled, arguments={"by": "float"}, cases=cases', "ok", "202 rows as its reference answers"),
        ('"native", 1, body=twice, kind="native", library="nowhere:lib"', "warning", "its library nowhere:lib is not built for "),
    ],
)
def test_custom_operators_are_proved(tmp_path: Path, declared: str, level: str, words: str) -> None:
    report = report_on(tmp_path, "", tail=OPS.format(declared=declared))
    (finding,) = [finding for finding in report.findings if finding.check == "custom ops"]
    assert finding.level == level, finding.text
    assert words in finding.text
    assert bool(finding.cure) is (level != "ok")


def test_settings_are_explained(tmp_path: Path) -> None:
    tail = "class Settings(Params):\n    radius: float = 1.0\n\n@hookimpl\ndef rtml_settings():\n    return Settings\n"
    report = report_on(tmp_path, "", tail=tail)
    assert "parameter 'radius' is not explained" in only(report, "operators", "warning").text
