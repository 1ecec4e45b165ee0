"""Completion inside of operators: parameters, their values, methods of pandas, columns; and what Shift-Tab says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter

from rtml_plugins.notebook.reading import place
from tests.unit.plugins.notebook.conftest import Notebook


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("op.Pand", ["op.Pandas"]),
        ("print(op.Pand", ["print(op.Pandas"]),
        ("op.Pandas(imp", ["op.Pandas(import_="]),
        ("op.Pandas(import_='fillna', c", ["op.Pandas(import_='fillna', cols=", "op.Pandas(import_='fillna', categories="]),
        ("op.Pandas(\n    cols='a',  # op.Scaler(\n    import", ["op.Pandas(\n    cols='a',  # op.Scaler(\n    import_="]),
        ('op.Pandas(import_="to_dat', ['op.Pandas(import_="to_datetime']),
        ('op.Pandas(params={"im', ['op.Pandas(params={"import']),
        ('op.Pandas({"import": "to_dat', ['op.Pandas({"import": "to_datetime']),
        ('op.Pandas(params={"cols": "a", ', None),
        ("op.ScikitLearn(mode='t", ["op.ScikitLearn(mode='train", "op.ScikitLearn(mode='test"]),
        ("op.ScikitLearn(mode=", ["op.ScikitLearn(mode='train'", "op.ScikitLearn(mode='test'", "op.ScikitLearn(mode=None"]),
        ("op.Scaler(clip=T", ["op.Scaler(clip=True"]),
        ("g = op.Receiver(schema={'a': 'float'}) >> op.Scaler(method='min", None),
        ("op.Pandas(import_='fillna', kwargs={'va", []),
        ("op.Pandas(cols=f(x, im", []),
        ("# op.Pandas(im", []),
        ("len(im", []),
        ("nothing.Pandas(im", []),
        ("op.Nothing(im", []),
        ("op.Pandas(", None),
        ("op.Pandas(import_='fillna')", []),
        ("rtml.operators.Pandas(imp", ["rtml.operators.Pandas(import_="]),
    ],
)
def test_what_a_tab_offers(notebook: Notebook, text: str, offers: list[str] | None) -> None:
    found = notebook.complete(text)
    if offers is None:
        assert found
        assert all(one.startswith(text) for one in found)
    else:
        assert found == offers


def test_required_parameters_come_first_and_given_ones_not_at_all(notebook: Notebook) -> None:
    assert notebook.complete("op.Pandas(")[0] == "op.Pandas(import_="
    assert not [one for one in notebook.complete("op.Pandas(import_='a', ") if one.endswith("import_=")]
    assert notebook.complete('op.Pandas(params={"cols": "a", ')[0] == 'op.Pandas(params={"cols": "a", "import": '


def test_columns_of_frames_that_are_here(notebook: Notebook) -> None:
    notebook.value("df = pd.DataFrame({'amount': [1.0], 'age': [2.0], 'city': ['a']})")
    assert notebook.complete("op.Scaler(cols=['a") == ["op.Scaler(cols=['amount", "op.Scaler(cols=['age"]
    assert notebook.complete("op.Scaler(cols=['amount', 'ci") == ["op.Scaler(cols=['amount', 'city"]
    assert notebook.complete("op.Scaler(cols='ci") == ["op.Scaler(cols='city"]


def test_an_operator_of_the_notebook_is_completed_too(notebook: Notebook) -> None:
    notebook.value('''%%rtml_operator
class Bucket(Operator):
    """A column of numbers as buckets."""
    class Params(Params):
        how: Annotated[Literal["up", "down"], doc("which way")]
    def transform(self, frame):
        return frame
''')
    assert notebook.complete("op.Buck") == ["op.Bucket"]
    assert notebook.complete("op.Bucket(how='") == ["op.Bucket(how='up", "op.Bucket(how='down"]


@pytest.mark.parametrize(("text", "first"), [("op.Pandas(", "import_="), ("op.Pandas(import_='abs', co", "cols=")])
def test_where_only_parameters_make_sense_nothing_else_is_offered(notebook: Notebook, text: str, first: str) -> None:
    notebook.value("cost = 1")
    with provisionalcompleter():
        found = list(notebook.shell.Completer.completions(text, len(text)))
        assert {one._origin for one in found} == {"rtml"}
        assert found[0].text == first


def test_the_first_argument_may_be_a_variable(notebook: Notebook) -> None:
    notebook.value("parameters = {}")
    with provisionalcompleter():
        found = [one.text for one in notebook.shell.Completer.completions("op.Pandas(param", len("op.Pandas(param"))]
    assert {"params=", "parameters"} <= set(found)


def test_shift_tab_says_what_the_parameters_mean(notebook: Notebook) -> None:
    text = notebook.shell.object_inspect_text("op.Pandas")
    assert "Pandas(params: dict | None = None, *, import_: str" in text
    assert "cols: a column name or a list of them; default None" in text
    assert "Arguments of the method by name." in text
    assert "Parameters" not in notebook.shell.object_inspect_text("len")


@given(st.text(alphabet="ab.,()[]{}'\"#=\n\\: ", max_size=60))
def test_whatever_is_written_has_a_place(text: str) -> None:
    found = place(text)
    assert all(one.parts for one in found.inside)
    assert found.text is None or text.endswith(found.text)
    assert isinstance(found.value(), str)


@given(st.lists(st.sampled_from(["f(a, b)", "[1, 2]", '"(["', "x = {1: 2}\n", "# (\n", "'''\n('''", "g(h(1), 'a')"]), max_size=8))
def test_what_is_closed_is_closed(parts: list[str]) -> None:
    found = place(" ".join(parts) + " op.Pandas(cols='a', im")
    assert [one.before for one in found.inside] == ["op.Pandas"]
    assert found.inside[0].names() == {"cols"}
    assert found.value() == "im"
