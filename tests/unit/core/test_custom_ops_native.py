"""Native operators: a library of a plugin, built for this platform, with the very bytes that the package was compiled with."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest

from rtml_core import Operator, Runtime, package
from rtml_core.custom_ops import apply, native
from rtml_core.errors import CompileError, CustomOpError, NotLowerableError, PackageError, PluginError
from rtml_core.frames import string_dtype
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom, custom_each
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.registry import CustomOps, Origin
from rtml_core.runtime import trusted
from rtml_core.testing import assert_parity
from tests.unit.core.cli.helpers import chain, child, environment, node
from tests.unit.core.native.build import PLUGIN, build, put
from tests.unit.core.operators_for_tests import Source


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of the plugin, built once."""
    target = tmp_path_factory.mktemp("library") / "_tally.so"
    build(target)
    return target


@pytest.fixture(scope="module")
def site(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed plugin."""
    return put(tmp_path_factory.mktemp("site"), library)


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith(PLUGIN)]:
        del sys.modules[name]


@pytest.fixture
def plugin(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The plugin's module, and its operators known to the compiler."""
    from rtml_core import explain

    monkeypatch.syspath_prepend(site)
    module = importlib.import_module(PLUGIN)
    found = CustomOps()
    found.add_all(module.OPS, Origin("tally", "Rtml_Tally", "1.4"))
    monkeypatch.setattr(explain, "plugins", lambda: types.SimpleNamespace(custom_ops=found))
    yield module
    forget()


class Applied(Operator):
    """A custom operator on a column."""

    def __init__(self, custom_op: Any, column: str, **arguments: Any):
        super().__init__()
        self.op, self.used, self.arguments = custom_op, column, arguments

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        made = frame.copy()
        for position, values in enumerate(apply(self.op, frame[self.used], **self.arguments)):
            series = pd.Series(values, index=frame.index)
            if values.dtype == object:
                series = series.astype(string_dtype() if self.op.outputs[position] == "string" else "boolean")
            made[f"made{position}"] = series
        return made

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = custom(b, self.op, columns[self.used], **self.arguments)
        return {**columns, **{f"made{position}": column for position, column in enumerate(made)}}


FRAME = pd.DataFrame(
    {
        "f": [1.0, np.nan, 0.0, np.inf, 5e-324, 0.1, 7.0],
        "s": pd.Series(["abc", None, "", "ß🙂", "x\ufdd1", " a ", "z" * 300], dtype=string_dtype()),
        "t": np.array([0, None, -1, 5, 7, -86400000000, 2**50], dtype="datetime64[us]"),
    }
)
#: a number that 32 bits do not hold
PRECISE = 0.1 + 2**-55
ARGUMENTS: dict[str, Any] = {"factor": PRECISE, "offset": None, "negate": False, "domain": [1, "é"]}


@pytest.mark.parametrize("nullable", [None, True])
def test_the_library_answers_as_the_reference_does(plugin: Any, nullable: bool | None) -> None:
    nodes = [
        Applied(plugin.SCALED, "f", **ARGUMENTS),
        Applied(plugin.SCALED, "f", **{**ARGUMENTS, "factor": 3, "offset": -(2**40), "negate": True}),
        Applied(plugin.MARKED, "s", mark="<é🙂>"),
        Applied(plugin.MARKED, "s", mark=""),
        Applied(plugin.LATER, "t"),
        Applied(plugin.ABSENT, "s"),
    ]
    there = FRAME.dropna().reset_index(drop=True)
    for made in nodes:
        for frame in (FRAME, there, there.iloc[:0]):
            assert_parity(made, frame, nullable=nullable)


def test_columns_go_through_one_node_together(plugin: Any) -> None:
    b = Builder()
    packed = b.input("all", "float64", 3)
    columns = [Symbolic("float64", packed, index) for index in range(3)]
    made = custom_each(b, plugin.ROOTED, columns)
    assert [(node.domain, node.op_type) for node in b.nodes] == [("tally.rooted.v1", "rooted")]
    assert [column.index for column in made] == [0, 1, 2]


def test_arguments_are_attributes_of_their_own(plugin: Any) -> None:
    given = {"factor": 1 / 3, "offset": -(2**63), "negate": True, "domain": [1, "é"]}
    found = native.attributes(plugin.SCALED, given)
    assert found == {"factor": repr(1 / 3), "offset": -(2**63), "negate": 1, "domain": '[1, "\\u00e9"]'}
    assert "offset" not in native.attributes(plugin.SCALED, {**given, "offset": None})
    assert native.attributes(plugin.SCALED, {**given, "factor": 2})["factor"] == "2.0"
    with pytest.raises(PluginError, match="tally:scaled 1: argument 'offset' must fit 64 bits; got 9223372036854775808"):
        native.attributes(plugin.SCALED, {**given, "offset": 2**63})
    b = Builder()
    with pytest.raises(NotLowerableError, match="argument 'factor' must be of type float; got 'a'"):
        custom(b, plugin.SCALED, Symbolic("float64", b.input("x", "float64", 1)), **{**given, "factor": "a"})


def graph(*nodes: Operator, **fields: str) -> Any:
    made: Any = Source(schema=fields or {"f": "float?"})
    for operator in nodes:
        made = made >> operator
    return made


def test_a_package_names_the_library_by_its_digest_and_is_not_portable(plugin: Any, library: Path) -> None:
    made = graph(Applied(plugin.MARKED, "s", mark=">"), s="string?").compile()
    (entry,) = made.manifest.foreign
    assert (entry.kind, entry.domain, entry.op, entry.count) == ("native", "tally.marked.v1", "marked", 1)
    assert (entry.distribution, entry.version, entry.plugin) == ("Rtml_Tally", "1.4", "tally")
    assert entry.digests == {native.platform(): hashlib.sha256(library.read_bytes()).hexdigest()}
    assert made.manifest.portability == "not portable: needs the native operator tally:marked 1 from Rtml_Tally 1.4"
    assert [(row.kind, row.portable) for row in made.rows if row.operator == "Applied"] == [("native", False)]
    # who compiled it needs no trust
    assert made.score([{"s": "ab"}, {"s": None}]) == [
        {"s": "ab", "made0": ">ab", "made1": 3.0},
        {"s": None, "made0": None, "made1": None},
    ]
    (called,) = [n for n in onnx.load_from_string(package.read_archive(made.data).model).graph.node if n.op_type == "marked"]
    assert [(a.name, a.s) for a in called.attribute] == [("mark", b">")]
    with pytest.raises(CompileError, match="would be not portable: needs the native operator tally:marked 1"):
        graph(Applied(plugin.MARKED, "s", mark=">"), s="string?").compile(portable=True)


def test_a_failing_library_is_an_error_that_names_the_operator_and_the_next_request_is_right(plugin: Any) -> None:
    made = graph(Applied(plugin.ROOTED, "f"), f="float?")
    with pytest.raises(Exception, match="tally:rooted 1"):
        made.compile()  # edge rows are negative
    runtime = made.compile(parity=False).runtime
    for _ in range(3):
        with pytest.raises(CustomOpError, match=r"tally:rooted 1 \(tally_plugin:_tally\) failed: .*no root of a negative number"):
            runtime.score({"f": -1.0})
        with pytest.raises(CustomOpError, match="no root of a negative number"):
            runtime.score([{"f": 4.0}, {"f": -4.0}])
        assert runtime.score({"f": 4.0})["made0"] == 2.0
        assert runtime.score([{"f": 9.0}, {"f": None}])[1]["made0"] is None


def test_sessions_share_a_library_and_threads_do_not_meet(plugin: Any) -> None:
    one = graph(Applied(plugin.MARKED, "s", mark="1"), s="string").compile(parity=False)
    other = graph(Applied(plugin.MARKED, "s", mark="2"), Applied(plugin.ABSENT, "s"), s="string").compile(parity=False)
    runtimes = [compiled.runtime for compiled in (one, other)]
    runtimes.append(Runtime.from_bytes(one.data, allow_unchecked=True, custom_ops=one.custom_ops))
    wrong: list[Any] = []

    def score(number: int) -> None:
        runtime, mark = runtimes[number % 3], "121"[number % 3]
        for turn in range(100):
            text = f"{number}-{turn}"
            found = runtime.score({"s": text}).get("made0") if number % 3 != 1 else runtime.score({"s": text})["made1"]
            expected = mark + text if number % 3 != 1 else 1 + len(text)
            if found != expected:
                wrong.append((found, expected))

    threads = [threading.Thread(target=score, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    del runtimes[0]
    assert runtimes[-1].score({"s": "x"})["made0"] == "1x"


# ---- a package on another machine -------------------------------------------------------------------------------------

GRAPH = chain(node("in", "Receiver", schema={"s": "string?"}), node("m", "Marked", col="s", mark="?"))
NEEDS = "m.rtml needs the native operator tally:marked 1 of Rtml_Tally 1.4"


@pytest.fixture(scope="module")
def built(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that was compiled where the plugin is installed, by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "graph.json").write_text(json.dumps(GRAPH))
    done = child("compile", "graph.json", "-o", "m.rtml", path=site, cwd=folder)
    assert done.code == 0, done.err
    assert "Not portable: needs the native operator tally:marked 1 from Rtml_Tally 1.4\n" in done.out
    return folder / "m.rtml"


@pytest.fixture
def here(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the package, in a process that has not looked at any plugin for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.rtml").write_bytes(built.read_bytes())
    monkeypatch.setattr(trusted, "_loaded", {})
    yield tmp_path
    forget()


def refusal(**options: Any) -> str:
    with pytest.raises(PackageError) as caught:
        Runtime.from_file("m.rtml", **{"trust": ["rtml-tally"], **options})
    return str(caught.value)


def test_where_it_is_installed_and_trusted_it_runs(here: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal() == f"{NEEDS}, which is not installed here: pip install Rtml_Tally==1.4"
    monkeypatch.syspath_prepend(site)
    assert f"{NEEDS}, which runs code of that distribution in this process, and it is not trusted here" in refusal(trust=[])
    assert PLUGIN not in sys.modules
    answer = [{"s": "?ab"}, {"s": None}]
    assert Runtime.from_file("m.rtml", trust=["rtml-tally"]).score([{"s": "ab"}, {"s": None}]) == answer
    settings = here / "config.toml"
    settings.write_text('[rtml]\ntrust = ["rtml.tally"]\n')
    monkeypatch.setenv("RTML_CONFIG", str(settings))
    assert Runtime.from_file("m.rtml").score([{"s": "ab"}, {"s": None}]) == answer
    settings.write_text('[rtml]\ntrust = ["rtml-tally"]\nblock = ["tally"]\n')
    assert f"its plugin 'tally' is blocked here (block in {settings})" in refusal()


def test_on_the_command_line(here: Path, site: Path, library: Path) -> None:
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    shown = child("inspect", "m.rtml", path=site, cwd=here).out
    assert "needs the native operator tally:marked 1 from Rtml_Tally 1.4" in shown
    line = next(line for line in shown.splitlines() if line.startswith("tally:marked 1"))
    assert line.split() == ["tally:marked", "1", "native", "1", "Rtml_Tally", "1.4,", "for", native.platform()]
    listed = child("custom-ops", "list", path=site).out
    assert "tally:later" in listed
    assert next(line for line in listed.splitlines() if line.startswith("tally:marked")).split()[1:3] == ["1", "native"]
    shown = child("custom-ops", "show", "tally:marked", path=site).out
    for words in (
        "with a library of the same bytes",
        f"library    {site / PLUGIN / '_tally.so'}",
        f"SHA-256    {digest}",
        "reference  tally_plugin:marked",
        "in ONNX    tally.marked.v1:marked",
    ):
        assert words in shown
    (facts,) = child("custom-ops", "show", "tally:marked", "--json", path=site).json
    assert (facts["library"], facts["library_sha256"], facts["platform"]) == ("tally_plugin:_tally", digest, native.platform())
    assert facts["portable"] is False
    done = child("check", "m.rtml", "--trust", "rtml-tally", path=site, cwd=here)
    assert done.code == 0
    elsewhere = put(here / "unbuilt", None)
    assert "native, not built here" in child("custom-ops", "list", path=elsewhere).out
    assert "tally_plugin:_tally, not built here" in child("custom-ops", "show", "tally:marked", path=elsewhere).out


def test_a_library_of_other_bytes_is_refused_before_it_is_loaded(
    here: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = here / "other.so"
    other.write_bytes(library.read_bytes() + b"\0")
    monkeypatch.syspath_prepend(put(here / "site", other))
    loaded: list[Any] = []
    monkeypatch.setattr(native, "register", lambda *given: loaded.append(given))
    found, wanted = (hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in (other, library))
    words = refusal()
    assert "m.rtml was compiled with another build of the library of its native operator tally:marked 1" in words
    assert f"has the SHA-256 {found}..., the package names {wanted}.... Install that build of Rtml_Tally==1.4" in words
    assert loaded == []


def test_where_the_library_was_not_built_it_says_so(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(put(here / "site", None))
    words = refusal()
    assert words.startswith(
        "m.rtml needs the native operator tally:marked 1: the native operator tally:marked 1 is not built for "
    )
    assert "package 'tally_plugin' has no library '_tally' here" in words


def test_another_version_of_the_operator_is_refused(here: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(here / "site", library)
    module = folder / PLUGIN / "__init__.py"
    module.write_text(module.read_text().replace('_op("marked", 1', '_op("marked", 2'))
    monkeypatch.syspath_prepend(folder)
    assert "which is installed here, brings version 2 of it only: pip install Rtml_Tally==1.4" in refusal()


def test_the_same_operator_of_another_kind_is_refused(here: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(here / "site", library)
    module = folder / PLUGIN / "__init__.py"
    module.write_text(module.read_text().replace('kind="native",', "").replace('library="tally_plugin:_tally",', ""))
    monkeypatch.syspath_prepend(folder)
    assert "was compiled with tally:marked 1 as native operator, and here it is of kind python: pip install" in refusal()


def rewritten(**changed: Any) -> bytes:
    """The package with another entry for its operator."""
    archive = package.read_file("m.rtml")
    ops = tuple(msgspec.structs.replace(o, **changed) if o.kind == "native" else o for o in archive.manifest.ops)
    files = {"model.onnx": archive.model, "graph.json": archive.graph, "sample.json": archive.sample}
    return package.write_archive(msgspec.structs.replace(archive.manifest, ops=ops), files)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "function"}, "lists the operator tally.marked.v1:marked as kind 'function', which it is not"),
        ({"kind": "core"}, "as kind 'core', which it is not"),
        ({"kind": "extension"}, "as kind 'extension', which it is not"),
        ({"kind": "python"}, "was compiled with tally:marked 1 as python operator, and here it is of kind native"),
        ({"digests": {}}, "was compiled for no platform"),
        (
            {"digests": {"plan9-mips": "0" * 64}},
            "was compiled for plan9-mips, as its native operator tally:marked 1 runs a library;",
        ),
        ({"digests": {native.platform(): "0" * 64}}, "was compiled with another build of the library"),
        ({"plugin": None}, "does not say who brings the operator tally:marked 1"),
        ({"op": "rooted", "custom": "tally", "op_version": 1}, "that its manifest does not list"),
        ({"domain": "tally.rooted.v1"}, "that its manifest does not list"),
    ],
)
def test_a_manifest_that_says_another_thing_is_refused(
    changed: dict[str, Any], words: str, here: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(site)
    with pytest.raises(PackageError) as caught:
        Runtime.from_bytes(rewritten(**changed), trust="all")
    assert words in str(caught.value)


def test_scoring_imports_no_authoring_side_and_not_the_bodies(here: Path, site: Path) -> None:
    code = (
        "import sys\nfrom rtml_core import Runtime\n"
        "print(Runtime.from_file('m.rtml', trust='all').score({'s': 'é'})['s'])\n"
        "heavy = {'onnx', 'onnx_ir', 'pandas', 'sklearn', 'onnxruntime_extensions'}\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(site), timeout=60)
    assert (done.stdout, done.returncode) == ("?é\n[]\n", 0), done.stderr


def test_a_library_that_is_built_anew_needs_a_new_process(here: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(here / "site", library)
    monkeypatch.syspath_prepend(folder)
    runtime = Runtime.from_file("m.rtml", trust="all")
    place = folder / PLUGIN / "_tally.so"
    place.unlink()  # the file that is loaded stays as it is
    place.write_bytes(library.read_bytes() + b"\0")
    again = rewritten(digests={native.platform(): native.digest_of(str(place))})
    with pytest.raises(PackageError, match="was built anew since this process loaded it; start a new process"):
        Runtime.from_bytes(again, trust="all")
    assert runtime.score({"s": "a"}) == {"s": "?a"}


# ---- libraries that are not right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "of the native operator tally:marked 1 can't be loaded"),
        ("int nothing(void) { return 1; }", "It must be built for"),
        (
            '#include "rtml_custom_op.h"\n'
            "static void x(rtml_row *row) { rtml_give_float64(row, 0, 0); }\n"
            'static const rtml_operator OPS[] = {{RTML_OPERATOR("tally", "marked", 3), .row = x, .inputs = {RTML_FLOAT64},'
            " .outputs = {RTML_FLOAT64}}};\nRTML_EXPORT(OPS)\n",
            "has no operator 'marked' in the domain 'tally.marked.v1', so that tally:marked 1 can't run; register it there",
        ),
    ],
    ids=["no library at all", "no RegisterCustomOps", "another version"],
)
def test_a_library_that_is_not_right_says_why(
    source: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path
) -> None:
    from rtml_core import explain

    made = tmp_path / "wrong.so"
    if source is None:
        made.write_bytes(b"no library")
    else:
        (tmp_path / "wrong.c").write_text(source)
        build(made, source=tmp_path / "wrong.c")
    monkeypatch.syspath_prepend(put(tmp_path / "site", made))
    try:
        module = importlib.import_module(PLUGIN)
        found = CustomOps()
        found.add_all(module.OPS, Origin("tally", "Rtml_Tally", "1.4"))
        monkeypatch.setattr(explain, "plugins", lambda: types.SimpleNamespace(custom_ops=found))
        with pytest.raises(PackageError) as caught:
            graph(Applied(module.MARKED, "s", mark="1"), s="string").compile()
    finally:
        forget()
    assert words in str(caught.value)


def test_where_nothing_is_built_compiling_says_so_and_the_reference_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rtml_core import explain

    monkeypatch.syspath_prepend(put(tmp_path, None))
    try:
        module = importlib.import_module(PLUGIN)
        found = CustomOps()
        found.add_all(module.OPS, Origin("tally", "Rtml_Tally", "1.4"))
        monkeypatch.setattr(explain, "plugins", lambda: types.SimpleNamespace(custom_ops=found))
        assert apply(module.ROOTED, np.array([4.0]))[0].tolist() == [2.0]
        with pytest.raises(CompileError, match=r"^Node 'applied': the native operator tally:marked 1 is not built for"):
            graph(Applied(module.MARKED, "s", mark="1"), s="string").compile()
    finally:
        forget()
