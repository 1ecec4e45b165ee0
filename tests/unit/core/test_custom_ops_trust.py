"""A package that needs Python code of a plugin loads where that plugin is installed, trusted and right, and says so elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from rtml_core import Graph, Runtime, package
from rtml_core import operators as op
from rtml_core.cli.app import exit_code, run
from rtml_core.custom_ops import guarding, hosting
from rtml_core.errors import CustomOpError, PackageError
from rtml_core.plugins import plugins
from rtml_core.runtime import trusted
from tests.unit.core.cli.helpers import chain, child, install, node

PLUGIN = """
import numpy as np
from rtml_core import CustomOp, Operator, Params, hookimpl

def shout(texts, mark):
    return np.array([text + mark for text in texts] + [None], dtype=object)[:-1]

BODY = "shout_plugin:shout"
SHOUT = CustomOp("shouting", "shout", VERSION, ("string",), ("string",), BODY, "Texts, louder.", {"mark": "string"})

class Shout(Operator):
    "Texts of column s, louder."
    lowering_kind = "python"

    class Params(Params):
        mark: str = "!"

    def transform(self, frame):
        return frame.assign(s=frame["s"] + self.params.mark)

    def lower(self, b, columns):
        from rtml_core.lowering.custom import custom
        return {**columns, "s": custom(b, SHOUT, columns["s"], mark=self.params.mark)[0]}

@hookimpl
def rtml_operators():
    return [Shout]

@hookimpl
def rtml_custom_ops():
    return [SHOUT]
"""
GRAPH = chain(node("in", "Receiver", schema={"s": "string?"}), node("loud", "Shout", mark="?"))
NEEDS = "m.rtml needs the python operator shouting:shout 1 of Rtml_Shout 1.4"


def put(folder: Path, text: str, module: str = "shout_plugin") -> Path:
    """An installed distribution Rtml_Shout 1.4 whose plugin `shout` is the text."""
    (install(folder, "shout", module, "Rtml_Shout") / f"{module}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that was compiled where the plugin is installed, by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "graph.json").write_text(json.dumps(GRAPH))
    done = child("compile", "graph.json", "-o", "m.rtml", path=put(folder, PLUGIN.replace("VERSION", "1")), cwd=folder)
    assert done.code == 0, done.err
    assert ", not portable\nNot portable: needs the python operator shouting:shout 1 from Rtml_Shout 1.4\n" in done.out
    return folder / "m.rtml"


@pytest.fixture
def here(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the package, in a process that has not looked at any plugin for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.rtml").write_bytes(built.read_bytes())
    monkeypatch.setattr(trusted, "_loaded", {})
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("shout_")]:
        del sys.modules[name]


@pytest.fixture
def installed(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(put(here / "site", PLUGIN.replace("VERSION", "1")))
    return here


def test_an_untrusted_plugin_is_not_even_imported(installed: Path) -> None:
    with pytest.raises(PackageError) as caught:
        Runtime.from_file("m.rtml", trust=["rtml-other"])
    assert str(caught.value) == (
        f"{NEEDS}, which runs code of that distribution in this process, and it is not trusted here. If you trust it, say so:"
        f" trust=['Rtml_Shout'], --trust Rtml_Shout, or RTML_TRUST=Rtml_Shout"
    )
    assert "shout_plugin" not in sys.modules


def test_trust_is_a_list_a_variable_or_all(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [{"s": "ab?"}, {"s": None}]
    assert Runtime.from_file("m.rtml", trust=["rtml-shout"]).score([{"s": "ab"}, {"s": None}]) == answer
    assert Runtime.from_file("m.rtml", trust="all").score_row({"s": "ab"}) == {"s": "ab?"}
    monkeypatch.setenv("RTML_TRUST", "other, RTML.shout")
    assert Runtime.from_file("m.rtml").score({"s": ["ab", None]}) == {"s": ["ab?", None]}
    monkeypatch.setenv("RTML_TRUST", "")
    with pytest.raises(PackageError, match="not trusted here"):
        Runtime.from_file("m.rtml")
    with pytest.raises(PackageError, match="trust must be a list of distributions, or 'all'; got the text 'rtml-shout'"):
        Runtime.from_file("m.rtml", trust="rtml-shout")  # type: ignore[arg-type]
    for wrong, words in ((None, "a list of distributions, or 'all'; got None"), ([b"rtml-shout"], "it holds b'rtml-shout'")):
        with pytest.raises(PackageError, match=words):
            Runtime.from_file("m.rtml", trust=wrong)


def test_on_the_command_line(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (installed / "rows.jsonl").write_text('{"s": "ab"}\n')
    score = ["score", "m.rtml", "-i", "rows.jsonl", "-o", "out.jsonl", "-q"]
    assert run(score) == 2
    assert run(["check", "m.rtml"]) == 1
    assert capsys.readouterr().err.count(f"Error: {NEEDS}, which runs code") == 2
    assert run([*score, "--trust", "rtml-shout"]) == 0
    assert run(["check", "m.rtml", "--trust", "all"]) == 0
    assert (installed / "out.jsonl").read_text() == '{"s":"ab?"}\n'
    assert run(["inspect", "m.rtml"]) == 0
    assert "portable  no: needs the python operator shouting:shout 1 from Rtml_Shout 1.4\n" in capsys.readouterr().out


def test_a_body_that_fails_ends_a_run_with_what_it_did(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shout_plugin

    (installed / "rows.jsonl").write_text('{"s": "ab"}\n')
    runtime = Runtime.from_file("m.rtml", trust="all")
    before = guarding.guarded(runtime.session.run)
    assert before(None, {"string": np.array([["a"]], dtype=object)})[0].item() == "a?"
    body = hosting._hosts["shouting.shout.v1"]
    kept = body.__dict__["function"]
    body.__dict__["function"] = lambda texts, mark: shout_plugin.no_such_thing
    try:
        assert run(["score", "m.rtml", "-i", "rows.jsonl", "-o", "out.jsonl", "-q", "--trust", "all"]) == 2  # its sample fails
        with pytest.raises(
            CustomOpError, match=r"shouting:shout 1 .*AttributeError: .*'shout_plugin' has no attribute"
        ) as caught:
            runtime.score({"s": "x"})
        assert exit_code(caught.value) == 1
    finally:
        body.__dict__["function"] = kept
    assert runtime.score({"s": "x"}) == {"s": "x?"}
    assert "does not reproduce its parity sample here: the custom operator shouting:shout 1" in capsys.readouterr().err


def test_what_is_not_installed_says_what_to_install(here: Path) -> None:
    with pytest.raises(PackageError) as caught:
        Runtime.from_file("m.rtml", trust="all")
    assert str(caught.value) == f"{NEEDS}, which is not installed here: pip install Rtml_Shout==1.4"


def test_damaged_metadata_of_another_distribution_stops_no_server(installed: Path) -> None:
    (installed / "site" / "damaged-1.0.dist-info").mkdir()
    (installed / "site" / "damaged-1.0.dist-info" / "entry_points.txt").write_text("[rtml.plugins]\nno sign\nother = a\n")
    assert Runtime.from_file("m.rtml", trust="all").score_row({"s": "ab"}) == {"s": "ab?"}


def test_the_file_of_settings_trusts_too(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (installed / "config.toml").write_text('[rtml]\ntrust = ["rtml-shout"]\n')
    with pytest.raises(PackageError, match="it is not trusted here"):  # a file where one works is no file of settings
        Runtime.from_file("m.rtml")
    monkeypatch.setenv("RTML_CONFIG", "config.toml")
    assert Runtime.from_file("m.rtml").score_row({"s": "ab"}) == {"s": "ab?"}
    monkeypatch.setenv("RTML_TRUST", "rtml-other")
    with pytest.raises(PackageError, match="it is not trusted here"):
        Runtime.from_file("m.rtml")


def test_another_version_of_the_operator_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(put(here / "site", PLUGIN.replace("VERSION", "2"), "shout_two"))
    with pytest.raises(PackageError, match=r"which is installed here, brings version 2 of it only: pip install Rtml_Shout==1\.4"):
        Runtime.from_file("m.rtml", trust="all")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_x", "its plugin 'shout' can't be loaded: ModuleNotFoundError"),
        ("raise SystemExit(3)", "its plugin 'shout' can't be loaded: SystemExit: 3"),
        ("rtml_plugin_api = 99", "its plugin 'shout' can't be loaded: PluginError: written for plugin API 99; this rtml has"),
        ("x = 1", "which is installed here, does not bring it: pip install Rtml_Shout==1.4"),
        (PLUGIN.replace("VERSION", "0"), "its plugin 'shout' can't be loaded: PluginError: custom operator 'shouting':'shout'"),
        (PLUGIN.replace("VERSION", "1").replace("[SHOUT]", "[3]"), "must return a list of CustomOp; it holds 3"),
        (PLUGIN.replace("VERSION", "1").replace("[SHOUT]", "SHOUT"), "must return a list of CustomOp; got CustomOp("),
        (PLUGIN.replace("VERSION", "1").replace("rtml_custom_ops()", "rtml_custom_ops(x)"), "must take no parameters"),
        ("raise ValueError('\\ud800' + 'long' * 5000)", "ValueError: \\ud800longlong"),
    ],
)
def test_a_broken_plugin_says_why(text: str, words: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(put(here / "site", text, "shout_broken"))
    with pytest.raises(PackageError) as caught:
        Runtime.from_file("m.rtml", trust="all")
    assert words in str(caught.value)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 2000


def test_what_a_plugin_prints_is_not_among_scored_rows(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(put(here / "site", "print('hello')\n" + PLUGIN.replace("VERSION", "1")))
    assert Runtime.from_file("m.rtml", trust="all").score_row({"s": "ab"}) == {"s": "ab?"}
    assert capsys.readouterr() == ("", "hello\n")


def test_a_plugin_is_asked_once_by_threads_that_load_at_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = PLUGIN.replace("VERSION", "1").replace(
        "    return [SHOUT]", "    import time; time.sleep(0.05); ASKED.append(1); return [SHOUT]"
    )
    monkeypatch.syspath_prepend(put(here / "site", slow + "\nASKED = []\n"))
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: Runtime.from_file("m.rtml", trust="all"), range(4)))
    assert [runtime.score_row({"s": "ab"}) for runtime in loaded] == [{"s": "ab?"}] * 4
    assert len(sys.modules["shout_plugin"].ASKED) == 1


def test_a_blocked_plugin_stays_blocked(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "geo, shout")
    with pytest.raises(PackageError, match=r"its plugin 'shout' is blocked here \(RTML_BLOCK_PLUGINS\)"):
        Runtime.from_file("m.rtml", trust="all")
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "")
    monkeypatch.setenv("RTML_PLUGINS", "geo")
    with pytest.raises(PackageError, match=r"its plugin 'shout' is not among those that are loaded here \(RTML_PLUGINS\)"):
        Runtime.from_file("m.rtml", trust="all")
    assert "shout_plugin" not in sys.modules
    monkeypatch.setenv("RTML_PLUGINS", "geo, shout")
    assert Runtime.from_file("m.rtml", trust="all").score({"s": "ab"}) == {"s": "ab?"}


def rewritten(**changed: Any) -> bytes:
    """The package with another entry for its operator."""
    archive = package.read_file("m.rtml")
    ops = tuple(msgspec.structs.replace(o, **changed) if o.kind == "python" else o for o in archive.manifest.ops)
    files = {"model.onnx": archive.model, "graph.json": archive.graph, "sample.json": archive.sample}
    return package.write_archive(msgspec.structs.replace(archive.manifest, ops=ops), files)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"plugin": None}, "its manifest does not say who brings the operator shouting:shout 1"),
        ({"kind": "native"}, "compiled with shouting:shout 1 as native operator, and here it is of kind python: pip install"),
        ({"custom": "rtml.pandas", "op": "title", "distribution": "rtml", "plugin": "pandas"}, "that its manifest does not list"),
        ({"kind": "core"}, "lists the operator shouting.shout.v1:shout as kind 'core', which it is not"),
        ({"kind": "extension"}, "lists the operator shouting.shout.v1:shout as kind 'extension', which it is not"),
        ({"kind": "function"}, "lists the operator shouting.shout.v1:shout as kind 'function', which it is not"),
        ({"unicode": "5.1.0"}, "compiled where Python knows Unicode 5.1.0"),
    ],
)
def test_a_manifest_that_says_another_thing_is_refused(changed: dict[str, Any], words: str, installed: Path) -> None:
    assert Runtime.from_bytes(rewritten(), trust="all").score({"s": "a"}) == {"s": "a?"}
    with pytest.raises(PackageError) as caught:
        Runtime.from_bytes(rewritten(**changed), trust="all")
    assert words in str(caught.value)


def test_a_node_can_not_be_led_to_another_operator_of_a_trusted_plugin(installed: Path) -> None:
    """The model calls shouting.shout.v1; a manifest that says rtml's title for it names another ONNX domain."""
    changed: dict[str, Any] = {"custom": "rtml.pandas", "distribution": "rtml", "plugin": "pandas"}
    with pytest.raises(PackageError, match=r"rtml 0\.1\.0, which is installed here, does not bring it"):
        Runtime.from_bytes(rewritten(**changed))


def titled() -> Any:
    return op.Receiver(schema={"s": "string?"}) >> op.Pandas(import_="str.title", cols="s", inplace=True)


def test_rtmls_own_need_no_trust_and_another_unicode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph: Graph = titled()
    graph.compile().save(tmp_path / "t.rtml")
    assert Runtime.from_file(tmp_path / "t.rtml").score({"s": "o'neil"}) == {"s": "O'Neil"}
    monkeypatch.setattr(unicodedata, "unidata_version", "99.0.0")
    with pytest.raises(
        PackageError, match=r"compiled where Python knows Unicode 1\d\.\d\.0, .*rtml.pandas:title 1 .*Unicode 99\.0\.0"
    ):
        Runtime.from_file(tmp_path / "t.rtml")


SCORE = """
import sys
from rtml_core import Runtime
runtime = Runtime.from_file(sys.argv[1])
print(runtime.score({"s": "ŉa b"})["s"])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"onnx", "onnx_ir", "pandas", "sklearn", "scipy", "pyarrow"}))
import onnxruntime_extensions  # gets the modules that the runtime has loaded without it
print(runtime.score({"s": "x y"})["s"], Runtime.from_file(sys.argv[1]).score({"s": "z"})["s"])
"""


def test_scoring_with_a_python_operator_imports_no_authoring_side(tmp_path: Path) -> None:
    titled().compile().save(tmp_path / "t.rtml")
    done = subprocess.run([sys.executable, "-c", SCORE, str(tmp_path / "t.rtml")], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["\u02bcNa B", "[]", "X Y Z"]


def test_custom_ops_are_listed_and_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.cache_clear()
    assert run(["custom-ops", "list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rtml.pandas:title "))
    assert line.split()[1:3] == ["1", "python"]
    assert "(string) -> string" in line
    assert run(["custom-ops", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    entry = next(entry for entry in listed if entry["name"] == "strftime")
    assert entry["arguments"] == {"format": "string", "padded": "bool"}
    assert entry["onnx_domain"] == "rtml.pandas.strftime.v1"
    for name in ("title", "rtml.pandas:title", "rtml.pandas:title 1"):
        assert run(["custom-ops", "show", name]) == 0
        assert "rtml.pandas:title 1, from plugin 'pandas' (built in)" in capsys.readouterr().out
    assert run(["custom-ops", "show", "titel", "--json"]) == 2
    assert "Custom operator 'titel' does not exist. `rtml custom-ops list` shows all" in capsys.readouterr().err
    assert run(["custom-ops", "show", "rtml.pandas:titel"]) == 2
    assert "Did you mean 'rtml.pandas:title'?" in capsys.readouterr().err
