"""%rtml: what there is, as values that draw themselves; commands of the command line; what is wrong, in a sentence."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from rtml_core import operators, progress
from tests.unit.plugins.notebook.conftest import Notebook


def test_help_lists_every_word_with_an_example(notebook: Notebook) -> None:
    found = notebook.value("%rtml")
    assert {"%rtml services [TEXT]", "%rtml show NAME", "%%rtml_operator"} <= set(found["magic"])
    assert all(found["example"])
    assert found["magic"] == notebook.value("%rtml help")["magic"]


@pytest.mark.parametrize("word", ["services", "show", "edges", "audit", "open", "operators", "operator", "stop", "traceback"])
def test_every_word_explains_itself(notebook: Notebook, word: str) -> None:
    notebook.value(f"%rtml {word} --help")
    assert notebook.out.startswith(f"%rtml {word}")
    assert "Example:\n  %rtml" in notebook.out


def test_operators_are_searched_by_words(notebook: Notebook) -> None:
    found = notebook.value("x = %rtml operators one hot\nx")
    assert found["operator"][0] == "OneHotEncoder"
    assert set(found["operator"]) < set(dir(operators))
    assert list(found.frame.columns) == ["operator", "what it does", "parameters", "compiles to"]
    assert "OneHotEncoder" in found._repr_html_()
    assert found._repr_html_().count("<tr>") == len(found) + 1


def test_an_operator_shows_its_parameters(notebook: Notebook) -> None:
    text = repr(notebook.value("%rtml operator Scaler"))
    assert "op.Scaler" in text
    assert "one of 'standard', 'minmax', 'robust', 'maxabs'" in text


def test_a_command_of_the_command_line_runs_here(notebook: Notebook) -> None:
    notebook.value("%rtml plugins show pandas")
    assert "operators  Pandas" in notebook.out
    notebook.value("%rtml compile --help")
    assert "Usage: rtml compile" in notebook.out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sevices", "%rtml has no 'sevices'. Did you mean 'services'? %rtml help lists what there is"),
        ("show", "%rtml show NAME is how it is called, e.g. %rtml show churn; got '%rtml show'"),
        ("edges a", "%rtml edges is how it is called, e.g. %rtml edges; got '%rtml edges a'"),
        ("operator Scalar", "Operator 'Scalar' does not exist. Did you mean 'Scaler'?"),
        ("services", "no hub is known here: client = rtml.connect() starts one with an edge, or names one that runs"),
        ("stop", "this notebook has started no hub: one that runs elsewhere is stopped where it was started"),
        ("up", "`rtml up` serves until it is stopped: start it in a terminal, or call rtml.connect()"),
        ("compile --nope", "No such option '--nope'; `%rtml compile --help` shows what there is"),
        ("plugins shw", "There is no command 'shw'."),
        ("show 'a", "No closing quotation"),
    ],
)
def test_what_is_wrong_is_one_sentence(notebook: Notebook, line: str, sentence: str) -> None:
    assert not notebook(f"%rtml {line}").success
    assert sentence in notebook.out
    assert len(notebook.out.strip().splitlines()) == 1


def test_words_are_completed(notebook: Notebook) -> None:
    assert notebook.complete("%rtml ser") == ["%rtml services"]
    assert notebook.complete("x = %rtml operator Scal") == ["x = %rtml operator Scaler"]
    assert notebook.complete("%rtml plugins ch") == ["%rtml plugins check"]
    assert "%rtml compile" in notebook.complete("%rtml ")


def test_loading_twice_and_unloading_leave_nothing_behind(plain_shell: InteractiveShell) -> None:
    def parts() -> tuple[object, ...]:
        magics = plain_shell.magics_manager.magics
        formatters = plain_shell.display_formatter.formatters
        return (
            set(magics["line"]),
            set(magics["cell"]),
            list(plain_shell.Completer.custom_matchers),
            plain_shell.custom_exceptions,
            dict(plain_shell.inspector.mime_hooks),
            [dict(formatters[kind].deferred_printers) for kind in ("text/html", "text/plain")],
            list(progress._listeners),
            set(dir(operators)),
        )

    run = Notebook(plain_shell)
    before = parts()
    run("%load_ext rtml").raise_error()
    loaded = parts()
    assert loaded != before
    sys.modules["rtml"].load_ipython_extension(plain_shell)
    assert parts()[2:] == loaded[2:]
    run('%%rtml_operator\nclass Half(Operator):\n    """A column."""\n    def transform(self, frame):\n        return frame')
    assert "Half" in dir(operators)
    run("%unload_ext rtml").raise_error()
    assert parts() == before
    run("%load_ext rtml").raise_error()
    assert run.value("%rtml operators Pandas")["operator"] == ["Pandas"]
    run("%unload_ext rtml").raise_error()
    assert parts() == before


def test_another_handler_of_errors_stays_in_its_place(plain_shell: InteractiveShell) -> None:
    heard: list[str] = []

    def handler(shell: InteractiveShell, kind: type, error: BaseException, trace: object, tb_offset: int | None = None) -> None:
        heard.append(str(error))

    plain_shell.set_custom_exc((KeyError,), handler)
    run = Notebook(plain_shell)
    run("%load_ext rtml").raise_error()
    run("{}['a']")
    run("%rtml nope")
    assert heard == ["'a'"]
    assert "%rtml has no 'nope'" in run.out
    run("%unload_ext rtml").raise_error()
    run("{}['b']")
    assert heard == ["'a'", "'b'"]
