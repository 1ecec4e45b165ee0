"""`rtml plugins check`: what it calls wrong, what it calls right, and how it says so."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from pathlib import Path

import pytest

from rtml_core import testing
from rtml_core.cli import plugin_check, plugin_check_startup
from rtml_core.cli.plugin_check_findings import CHECKS, Finding, Report, line_of, said, summary
from rtml_core.cli.plugin_check_imports import private_imports
from rtml_core.errors import RtmlError
from rtml_core.plugins import plugins
from tests.unit.core.cli.check_helpers import GOOD, GOOD_METADATA, HEAD, TAIL, of, only, report_on, written
from tests.unit.core.cli.conftest import Rtml

PYPROJECT = Path(__file__).parents[4] / "pyproject.toml"
DOCS = PYPROJECT.parent / "docs"
BUILT_IN = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["rtml.plugins"]


def test_a_good_plugin_has_nothing_to_mend(tmp_path: Path) -> None:
    report = report_on(tmp_path, GOOD)
    assert {finding.level for finding in report.findings} == {"ok"}, str(report)
    assert [finding.check for finding in report.findings] == ["loads", "hooks", "package", "imports", "operators", "contract"]
    (tried,) = of(report, "contract", "ok")
    assert tried.text == (
        "Made: 1 example: parameters come back from JSON, 3 parity cases equal in both forms, 200 edge rows equal in both forms"
    )


# ---- loading and hooks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "check", "words", "cure"),
    [
        (
            "import not_there",
            "loads",
            "No module named 'not_there' (made_{n}.py, line 6: import not_there)",
            "pip install what brings 'not_there'",
        ),
        ("x = 1 +", "loads", "SyntaxError", "correct the line"),
        ("raise SystemExit(3)", "loads", "SystemExit: 3 (made_{n}.py, line 6: raise SystemExit(3))", "correct the line"),
        ("rtml_plugin_api = 2", "loads", "written for plugin API 2; this rtml has plugin API 1", "upgrade rtml"),
        (
            "class Made(Operator):\n    def compute(self, xp): return {}",
            "loads",
            "operator Made has no docstring",
            "mend that",
        ),
    ],
)
def test_a_plugin_that_does_not_load(tmp_path: Path, body: str, check: str, words: str, cure: str) -> None:
    tail = TAIL if "class" in body else "\n@hookimpl\ndef rtml_operators():\n    return []\n"
    finding = only(report_on(tmp_path, body, tail=tail), check, "error")
    before, _, behind = words.partition("made_{n}")
    assert before in finding.what
    assert behind in finding.what
    assert cure in finding.cure


@pytest.mark.parametrize(
    ("tail", "where", "words", "cure"),
    [
        (
            "@hookimpl\ndef rtml_operator():\n    return []",
            "rtml_operator (line 7)",
            "no hook of rtml",
            "Did you mean 'rtml_operators'?",
        ),
        ("def rtml_operators():\n    return []", "rtml_operators (line 7)", "not marked", "put @hookimpl"),
        (
            "@hookimpl\ndef rtml_operators(registry):\n    return []",
            "rtml_operators (line 7)",
            "it takes registry",
            "without arguments",
        ),
        (
            "@hookimpl\ndef rtml_operators():\n    return [1 / 0]",
            "rtml_operators (line 7)",
            "line 9: return [1 / 0]",
            "must answer",
        ),
        ("", "", "has no hook, so the plugin brings nothing", "write one of rtml_operators"),
    ],
)
def test_a_hook_that_is_wrong(tmp_path: Path, tail: str, where: str, words: str, cure: str) -> None:
    finding = only(report_on(tmp_path, "", tail=f"\n{tail}\n"), "hooks", "error")
    assert finding.where == where
    assert words in finding.what
    assert cure in finding.cure


def test_an_entry_point_to_nothing(tmp_path: Path) -> None:
    finding = only(report_on(tmp_path, GOOD, entry="nowhere_at_all"), "loads", "error")
    assert finding.cure.startswith("the entry point 'made' names a module that is not installed")


def test_an_entry_point_to_an_attribute_that_is_not_there(tmp_path: Path) -> None:
    finding = only(report_on(tmp_path, GOOD, entry="json:plugin"), "loads", "error")
    assert finding.cure == 'the entry point is made = "json:plugin"; correct it in pyproject.toml and pip install -e . again'


def test_a_plugin_that_says_no_api_number(tmp_path: Path) -> None:
    finding = only(report_on(tmp_path, f"{GOOD}\ndel rtml_plugin_api\n"), "loads", "warning")
    assert "rtml_plugin_api = 1" in finding.cure


def test_a_blocked_plugin_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "made")
    assert only(report_on(tmp_path, GOOD), "loads", "error").what == "it is blocked"


def test_a_clash_of_operators_names_both(tmp_path: Path) -> None:
    body = GOOD.replace("class Made", "class Scaler")
    finding = only(report_on(tmp_path, body, tail=TAIL.replace("Made", "Scaler")), "loads", "error")
    assert "'Scaler' is brought by plugin 'encoders' (built in) and by plugin 'made' (rtml-made 1.4)" in finding.what


# ---- metadata ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "level", "words"),
    [
        ("Requires-Dist: rtml>=0.1\n", "error", "does not require rtml"),
        ("License-Expression: MIT\n", "warning", "has no licence"),
        ("Requires-Python: >=3.11\n", "warning", "which Python"),
        ("Summary: Made for a test.\n", "warning", "has no description"),
    ],
)
def test_metadata_that_is_missing(tmp_path: Path, gone: str, level: str, words: str) -> None:
    finding = only(report_on(tmp_path, GOOD, metadata=GOOD_METADATA.replace(gone, "")), "package", level)
    assert words in finding.what
    assert "pyproject.toml" in finding.cure


def test_the_description_of_the_template_is_told_from_the_author_s(tmp_path: Path) -> None:
    metadata = "Summary: What rtml-made is for, in one sentence.\nRequires-Dist: rtml\nLicense: MIT\nRequires-Python: >=3.11\n"
    assert "the template's" in only(report_on(tmp_path, GOOD, metadata=metadata), "package", "warning").what


# ---- imports ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("from rtml_core.executor import execute", "rtml_core.executor"),
        ("import rtml_core.compiler as c", "rtml_core.compiler"),
        ("from rtml_core import registry", None),
        ("from rtml_core.params import _INFO_CACHE", "rtml_core.params._INFO_CACHE"),
        ("from rtml_plugins.text import normalize", "rtml_plugins.text"),
        ("from rtml_core.lowering import builder", None),
        ("from rtml_core.lowering.strings import anything", None),
        ("from rtml_core import Operator, operators as op", None),
        ("from rtml_plugins.sklearn_ops.converting import numbers", None),
        ("from . import rtml_core", None),
        ("import numpy.linalg", None),
    ],
)
def test_what_is_not_public_in_rtml_is_told_from_what_is(line: str, named: str | None) -> None:
    assert list(private_imports(f"\ndef late():\n    {line}\n")) == ([(named, 3)] if named else [])


def test_a_plugin_that_builds_on_what_may_change_is_warned(tmp_path: Path) -> None:
    finding = only(report_on(tmp_path, "import rtml_core.registry\n" + GOOD), "imports", "warning")
    assert finding.cure.startswith("use what docs/reference/plugin-contract lists")
    assert "line 6: rtml_core.registry is no public part of rtml" in finding.text


def test_what_is_deprecated_is_said_with_the_line(tmp_path: Path) -> None:
    used = "old = deprecated('use new', since='0.2', goes=2)(lambda: None)\n\n"
    body = "from rtml_core.api import deprecated\n" + used + GOOD.replace("return [cls(", "old(); return [cls(")
    found = of(report_on(tmp_path, body), "imports", "warning")
    assert [finding.cure for finding in found][1:] == ["use new"]
    assert "goes with plugin API 2" in found[1].what


# ---- operators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "level", "words"),
    [
        ("    class Params(Params):", "    name = 'made_up'\n\n    class Params(Params):", "warning", "no word like 'Haversine'"),
        ("One number column in, float64 out.", "See the manual.", "warning", "does not say what it takes and gives"),
        ('"""Twice a number.', f'"""{"Twice a number and so on" * 8}.', "warning", "the line in listings"),
        ('Annotated[str, doc("column of numbers")]', "str", "warning", "parameter 'col' is not explained"),
        ('= "twice"', "= 3", "error", "the default of parameter 'into' is 3, and it must be a string"),
    ],
)
def test_an_operator_that_is_badly_declared(tmp_path: Path, old: str, new: str, level: str, words: str) -> None:
    body = GOOD.replace("Twice a number.", "Twice a value.").replace(old.replace("Twice a number.", "Twice a value."), new)
    report = report_on(tmp_path, body)
    assert any(words in finding.what and finding.cure for finding in of(report, "operators", level)), str(report)


def test_a_default_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    body = GOOD.replace('into: Annotated[str, doc("name of the new column")] = "twice"', 'into: Annotated[Any, doc("x")] = b"t"')
    assert "is no JSON value" in of(report_on(tmp_path, body), "operators", "error")[0].what


def test_an_operator_without_a_compiled_form_is_a_warning(tmp_path: Path) -> None:
    body = '''
    class Made(Operator):
        """A number, again. Any frame in, the same out."""
        def transform(self, frame):
            return frame
        @classmethod
        def examples(cls):
            return [cls()]
        def parity_cases(self):
            return pd.DataFrame({"x": [1.0, 2.0]})
    '''
    report = report_on(tmp_path, body)
    assert "no compiled form" in only(report, "operators", "warning").what
    assert of(report, "contract", "ok")


# ---- commands, converters ---------------------------------------------------------------------------------------

COMMANDS = """
import click

@click.command()
def shown():
    {doc}

@hookimpl
def rtml_commands():
    return {{"shown": {spec}}}
"""


@pytest.mark.parametrize(
    ("doc", "spec", "level", "words"),
    [
        ('"""Show it.\\n\\nTry: rtml shown"""', 'f"{__name__}:shown|Show it."', "ok", "shown: loaded"),
        ('"""Show it."""', 'f"{__name__}:shown|Show it."', "warning", "no example"),
        ('"""Show it. rtml shown"""', 'f"{__name__}:shown"', "warning", "rtml --help shows nothing beside it"),
        ("pass", 'f"{__name__}:shown|Show it."', "warning", "does not say what it does"),
        ("pass", 'f"{__name__}:gone|Show it."', "error", "can't be loaded: AttributeError"),
        ("pass", '"json:dumps|Show it."', "error", "is no click command but function"),
    ],
)
def test_commands_are_loaded_and_read(tmp_path: Path, doc: str, spec: str, level: str, words: str) -> None:
    report = report_on(tmp_path, "", tail=COMMANDS.format(doc=doc, spec=spec))
    assert any(words in finding.text for finding in of(report, "commands", level)), str(report)


def test_a_converter_that_cannot_be_imported(tmp_path: Path) -> None:
    tail = '@hookimpl\ndef rtml_converters():\n    return {"some.package.Model": "nowhere:convert", "some.Other": "json:dumps"}\n'
    report = report_on(tmp_path, "", tail=tail)
    (finding,) = of(report, "converters", "error")
    assert finding.where == "some.package.Model"
    assert "can't be imported" in finding.what


# ---- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child processes."""
    monkeypatch.setattr(plugin_check, "check_startup", lambda subject: [])


@pytest.mark.usefixtures("quick")
def test_a_report_is_one_line_a_finding(rtml: Rtml, tmp_path: Path) -> None:
    with written(tmp_path, HEAD + GOOD + TAIL):
        result = rtml("plugins", "check", "made")
    assert result.code == 0, result.err
    first, *lines, last = result.out.splitlines()
    assert first == "made (rtml-made 1.4)"
    assert [line.split()[0] for line in lines] == ["ok"] * 6
    assert [line.split()[1] for line in lines] == ["loads", "hooks", "package", "imports", "operators", "contract"]
    assert last == "1 plugin: no errors, no warnings"


@pytest.mark.usefixtures("quick")
def test_errors_end_with_1_and_warnings_only_when_asked(rtml: Rtml, tmp_path: Path) -> None:
    with written(tmp_path, HEAD + GOOD + TAIL, "Requires-Dist: rtml\n"):
        assert rtml("plugins", "check", "made").code == 0
        strict = rtml("plugins", "check", "made", "--strict")
        assert (strict.code, strict.error) == (1, "there is something to mend in made")
    (tmp_path / "more").mkdir()
    with written(tmp_path / "more", "import not_there"):
        broken = rtml("plugins", "check", "made")
        assert broken.code == 1
        assert "  error  loads    ModuleNotFoundError: No module named 'not_there' (made_" in broken.out


@pytest.mark.usefixtures("quick")
def test_a_report_as_json(rtml: Rtml, tmp_path: Path) -> None:
    with written(tmp_path, HEAD + GOOD + TAIL, "Requires-Dist: rtml\n"):
        (report,) = json.loads(rtml("plugins", "check", "made", "--json").out)
    assert (report["plugin"], report["distribution"], report["version"]) == ("made", "rtml-made", "1.4")
    assert (report["errors"], report["warnings"]) == (0, 3)
    assert {finding["check"] for finding in report["findings"]} <= set(CHECKS)
    assert set(report["findings"][0]) == {"level", "check", "where", "what", "cure"}


@pytest.mark.usefixtures("quick")
def test_what_a_plugin_prints_is_not_in_the_report(rtml: Rtml, tmp_path: Path) -> None:
    body = GOOD.replace('return [cls(col="x")]', 'print("hello"); return [cls(col="x")]')
    with written(tmp_path, HEAD + body + TAIL):
        result = rtml("plugins", "check", "made", "--json")
    assert json.loads(result.out)[0]["errors"] == 0
    assert "hello" in result.err


@pytest.mark.usefixtures("quick")
def test_without_a_name_it_is_the_package_in_this_folder(rtml: Rtml, tmp_path: Path) -> None:
    assert "there is no pyproject.toml in this folder" in rtml("plugins", "check").error
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert "declares no plugin" in rtml("plugins", "check").error
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert "pyproject.toml can't be read" in rtml("plugins", "check").error
    (tmp_path / "pyproject.toml").write_text("[project.entry-points.'rtml.plugins']\nmade = 'x'\n")
    assert rtml("plugins", "check").error == "plugin 'made' of this folder is not installed: pip install -e ."
    with written(tmp_path, HEAD + GOOD + TAIL):
        assert rtml("plugins", "check").out.startswith("made (rtml-made 1.4)\n")


def test_wrong_usage(rtml: Rtml) -> None:
    both = rtml("plugins", "check", "pandas", "--all")
    assert (both.code, both.error) == (2, "Give names of plugins or --all, not both")
    unknown = rtml("plugins", "check", "pandsa")
    assert unknown.code == 2
    assert "Did you mean 'pandas'?" in unknown.error


#: what the check says about rtml's own plugins, and is true: their examples would need a model of a file
UNTRIED = {
    "onnx": ["ONNXNode: not tried, as there are no examples"],
    "text": ["SentencePieceTokenizer: not tried, as there are no examples"],
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_plugins_have_nothing_to_mend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_check_startup, "RUNS", 1)
    monkeypatch.setattr(testing, "assert_custom_op", partial(testing.assert_custom_op, rows=20))
    report = plugin_check.check_plugin(name, plugins())
    assert [finding.text for finding in report.findings if finding.level == "error"] == []
    # how long a start takes is no matter of a test
    warnings = [f for f in report.findings if f.level == "warning" and f.check != "start-up"]
    assert [finding.text.rpartition(": ")[0] for finding in warnings] == UNTRIED.get(name, [])


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_looked_at_is_documented(check: str) -> None:
    rows = [
        line.split("|")[1] for line in (DOCS / "reference" / "command-line.md").read_text().splitlines() if line.startswith("| ")
    ]
    assert any(check in first for first in rows)


def test_lines_of_errors_are_the_author_s() -> None:
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads("{")
    error = raised.value
    assert line_of(error, [__file__]).endswith('json.loads("{")')
    assert line_of(error).startswith("decoder.py, line ")
    assert line_of(error, ["/nowhere"]) == ""
    assert said(error, [__file__]).startswith("JSONDecodeError: Expecting property name")
    assert said(RtmlError("a sentence")) == "a sentence"


def test_the_summary_counts() -> None:
    finding = Finding("error", "loads", "", "it is gone", "put it back")
    reports = [Report("a", "rtml-a", "1", [finding]), Report("b", "", "", [])]
    assert summary(reports) == "2 plugins: 1 error, no warnings"
    assert str(reports[1]) == "b"
    assert finding.text == "it is gone: put it back"
