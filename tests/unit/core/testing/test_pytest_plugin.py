"""The pytest plugin that ships for operator authors: its fixtures, its setting, and that it costs nothing when unused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import rtml_core.cli.app
import rtml_core.compiler
import rtml_core.testing.frames
import rtml_core.testing.isolation  # noqa: F401 - loaded here, so that the inner pytest does not unload them after each run
from rtml_core import hookimpl
from rtml_core.testing import Cli, CliResult, isolated_plugins

pytest_plugins = ["pytester"]

GEO = """
from rtml_core import Operator, Params, hookimpl
from rtml_core.testing import assert_parity


class Halve(Operator):
    "Half of a number column, in place."

    class Params(Params):
        col: str

    def columns(self):
        return [self.params.col]

    def compute(self, xp, value):
        return {self.params.col: value / 2}


@hookimpl
def rtml_operators():
    return [Halve]
"""

FIXTURES = ("rtml_cli", "rtml_environment", "rtml_frame", "rtml_plugins")


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(halving=GEO)
    pytester.makepyfile(test_it=source)
    pytester.syspathinsert()
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)


def test_it_is_installed_for_pytest() -> None:
    (point,) = metadata.entry_points(group="pytest11", name="rtml")
    assert point.value == "rtml_core.testing.pytest_plugin"


def test_an_author_proves_a_plugin_with_the_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import halving
        from rtml_core import operators as op
        from rtml_core.testing import assert_parity

        def test_it_is_listed(rtml_plugins, rtml_cli):
            rtml_plugins.register(halving)
            assert rtml_cli("plugins", "show", "halving", "--json").json["state"] == "ok"
            assert "Halve" in rtml_cli("operators", "list").out

        def test_it_is_exact(rtml_plugins, rtml_frame):
            rtml_plugins.register(halving)
            assert_parity(op.Halve(col="a"), rtml_frame(a="float?"))

        def test_the_next_test_starts_clean(rtml_plugins):
            assert "Halve" not in rtml_plugins.registry
        """,
    )
    result.assert_outcomes(passed=3)


def test_the_command_line_gives_what_a_shell_would_see(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        def test_errors(rtml_cli):
            done = rtml_cli("operators", "show", "Pandsa")
            assert done.code == 2
            assert done.out == ""
            assert "Did you mean 'Pandas'" in done.error
            with pytest.raises(AssertionError, match="the output is no JSON: code 2"):
                done.json

        def test_output(rtml_cli):
            done = rtml_cli("--version")
            assert (done.code, done.err) == (0, "")
            assert done.out.startswith("rtml ")
            with pytest.raises(AssertionError, match="does not end in an error: code 0"):
                done.error

        def test_it_runs_in_the_folder_of_the_test_and_reads_its_input(rtml_cli, rtml_frame, tmp_path):
            import os
            from rtml_core import operators as op
            from rtml_core.testing import compiled

            here = os.getcwd()
            node = op.Pandas(import_="fillna", kwargs={"value": 0.0}, cols=["a"], inplace=True)
            compiled(node, rtml_frame(a="float")).save(tmp_path / "model.rtml")
            done = rtml_cli("score", "model.rtml", "-i", "-", "-o", "-", stdin='{"a": 1.5}\\n{"a": 2.0}\\n')
            assert (done.code, done.out) == (0, '{"a":1.5}\\n{"a":2.0}\\n'), done.err
            assert os.getcwd() == here
        """,
    )
    result.assert_outcomes(passed=3)


def test_a_command_that_ends_the_process_gives_its_code() -> None:
    def stop(how: str) -> None:
        raise SystemExit({"none": None, "three": 3, "text": "no more"}[how])

    command = click.Command("stop", params=[click.Argument(["how"])], callback=stop)
    with isolated_plugins(SimpleNamespace(rtml_commands=hookimpl(lambda: {"stop": command}))):
        assert Cli(Path("."))("stop", "none") == CliResult(0, "", "")
        assert Cli(Path("."))("stop", "three").code == 3
        assert Cli(Path("."))("stop", "text") == CliResult(1, "", "no more\n")


def test_the_environment_is_clean_for_a_test_and_back_afterwards(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "pandas")
    result = run(
        pytester,
        """
        import os

        def test_clean(rtml_environment):
            assert "RTML_BLOCK_PLUGINS" not in os.environ
            rtml_environment.setenv("RTML_PREFER", "A=b")

        def test_as_it_was():
            assert os.environ["RTML_BLOCK_PLUGINS"] == "pandas"
            assert "RTML_PREFER" not in os.environ

        def test_plugins_too(rtml_plugins):
            assert rtml_plugins.info("pandas").state == "ok"
        """,
    )
    result.assert_outcomes(passed=3)
    assert os.environ["RTML_BLOCK_PLUGINS"] == "pandas"


def test_a_setting_makes_the_environment_clean_for_all_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_STRICT_PLUGINS", "1")
    before = os.environ.get("RTML_CONFIG")
    source = """
        import os

        def test_clean():
            assert "RTML_STRICT_PLUGINS" not in os.environ
    """
    run(pytester, source).assert_outcomes(failed=1)
    pytester.makeini("[pytest]\nrtml_clean_environment = true\n")
    run(pytester, source).assert_outcomes(passed=1)
    assert os.environ["RTML_STRICT_PLUGINS"] == "1"
    assert os.environ.get("RTML_CONFIG") == before


def test_the_fixtures_are_documented_with_their_version(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--fixtures", "-v", "-p", "no:cacheprovider")
    text = result.stdout.str()
    for name in FIXTURES:
        at = text.index(f"\n{name} -- ")
        assert "Since plugin API 1" in text[at:].split(" -- ", 2)[1] + text[at:][:1200]


ASKED = """
import json, sys
import pytest
code = pytest.main(["-q", "-p", "no:cacheprovider", "test_empty.py"])
heavy = {"numpy", "pandas", "sklearn", "scipy", "onnx", "onnxruntime", "msgspec", "rtml_plugins", "rtml_core.plugins"}
print(json.dumps([int(code), sorted(heavy & set(sys.modules)), sorted(n for n in sys.modules if n.startswith("rtml"))]))
"""


def test_pytest_starts_without_anything_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_empty="def test_nothing():\n    assert True\n")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "rtml_core.testing.pytest_plugin"}
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, timeout=60, check=True)
    code, heavy, ours = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert heavy == []
    assert ours == ["rtml_core", "rtml_core.testing", "rtml_core.testing.pytest_plugin"]
