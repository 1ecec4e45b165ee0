"""The notebooks of the launcher: run from top to bottom as they are, they work, and leave nothing behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import files
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rtml_plugins.notebook
from rtml_core import Client
from rtml_core import operators as op
from rtml_plugins.up import embedded
from tests.integration.machine import until, up

TEMPLATES = Path(rtml_plugins.notebook.__file__).parent / "templates"
DOCS = Path(__file__).resolve().parents[3] / "docs"
NAMES = sorted(path.stem for path in TEMPLATES.glob("*.ipynb"))
#: the bar is two minutes on two cores; a test machine that is busy with other things gets more before it is given up
SECONDS = 300

Run = Callable[[str], "Done"]


class Done:
    """A notebook that was run."""

    def __init__(self, notebook: NotebookNode):
        self._cells = {cell["id"]: cell for cell in notebook.cells}

    def text(self, cell: str) -> str:
        """What a cell printed and showed, as text."""
        return "\n".join(_text(output) for output in self._cells[cell].outputs)

    def html(self, cell: str) -> str:
        """What a cell drew."""
        return "".join(output["data"].get("text/html", "") for output in self._cells[cell].outputs if "data" in output)

    def number(self, cell: str, pattern: str = r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?") -> float:
        """The first number that a cell printed, or the group of a pattern."""
        found = re.search(pattern, self.text(cell))
        assert found is not None, self.text(cell)
        return float(found[found.re.groups])

    @property
    def stderr(self) -> dict[str, str]:
        """What cells wrote to stderr, warnings for one."""
        return {
            name: "".join(output["text"] for output in cell.outputs if output.get("name") == "stderr")
            for name, cell in self._cells.items()
            if any(output.get("name") == "stderr" for output in cell.get("outputs", ()))
        }


def _text(output: NotebookNode) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return str(output["data"].get("text/plain", ""))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a template as it is, in an empty folder, with a home and a Jupyter of its own."""
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.delenv("RTML_HUB", raising=False)
    folder = tmp_path / "work"
    for made in (folder, tmp_path / "temporary"):
        made.mkdir()

    def run_it(name: str) -> Done:
        notebook = nbformat.read(TEMPLATES / f"{name}.ipynb", as_version=4)
        NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
        # they write nothing where they stand, and leave nothing in the folder of temporary files
        assert not [*folder.iterdir(), *(tmp_path / "temporary").glob("rtml*")]
        return Done(notebook)

    return run_it


def nothing_runs(home: Path) -> bool:
    """Whether no process has this home in its command line any more, and no machine is found there."""
    mine = str(home).encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mine in path.read_bytes():
                return False
        except OSError:  # it ended while we looked
            continue
    return embedded.find(home / "up") is None


def only_says_what_it_started(done: Done) -> bool:
    """One line on stderr, that of connect(), and no warning anywhere."""
    [said] = done.stderr.values()
    return said.startswith("rtml: started a hub at ") and said.count("\n") == 1


# ---- train and publish --------------------------------------------------------------------------------------------------------


def customers(day: str) -> pd.DataFrame:
    """The features and the answer of each customer of CDNOW on a day, in pandas alone."""
    [file] = [file for file in files("lifetimes") if file.name == "CDNOW_master.txt"]
    columns = {"customer": "str", "day": "str", "items": "int64", "dollars": "float64"}
    orders = pd.read_csv(str(file.locate()), sep=r"\s+", skiprows=1, names=list(columns), dtype=columns)
    orders["day"] = pd.to_datetime(orders["day"], format="%Y%m%d")
    start = pd.Timestamp(day)
    later = orders[orders["day"].between(start, start + pd.Timedelta(days=180), inclusive="left")]
    by = orders[orders["day"] < start].groupby("customer")
    spent = by["dollars"].sum().round(2)
    known = pd.DataFrame({"orders": by["day"].nunique(), "items": by["items"].sum(), "spent": spent.where(spent > 0)})
    return known.assign(first=by["day"].min(), last=by["day"].max(), again=known.index.isin(later["customer"]), as_of=start)


def features(rows: pd.DataFrame, median: float, top: float) -> pd.DataFrame:
    silence, tenure = ((rows["as_of"] - rows[name]).dt.days for name in ("last", "first"))
    spent = rows["spent"].fillna(median).clip(upper=top)
    return pd.DataFrame(
        {
            "silence": silence,
            "tenure": tenure,
            "silent_share": (silence / tenure).fillna(0),
            "orders": rows["orders"],
            "items": rows["items"],
            "spent": spent,
            "per_order": (spent / rows["orders"]).fillna(0),
        }
    )


def test_train_and_publish(run: Run, tmp_path: Path) -> None:
    done = run("train_and_publish")
    assert "0 differences" in done.text("package")
    train = customers("1997-07-01")
    # medians as the notebook takes them: the quantile is of the column as it stands then, filled
    median = train["spent"].median()
    top = train["spent"].quantile(0.99)
    model = GradientBoostingClassifier(n_estimators=30, random_state=0)
    model.fit(features(train, median, top), train["again"])
    row = pd.DataFrame([{"orders": 11, "items": 42, "spent": 604.37, "as_of": pd.Timestamp("1998-01-01")}]).assign(
        first=pd.Timestamp("1997-01-18"), last=pd.Timestamp("1997-12-12")
    )
    alone = model.predict_proba(features(row, median, top))[0, 1]
    assert done.number("one") == pytest.approx(alone, abs=1e-5)
    assert done.number("many") < 1e-9
    assert "InvalidInput" in done.text("wrong")
    assert "/orders: expected a whole number, got string 'eleven'" in done.text("wrong")
    shares = dict(re.findall(r"^([12]) +(0\.\d+)$", done.text("canary"), re.MULTILINE))
    assert float(shares["2"]) == pytest.approx(0.2, abs=0.1)  # five standard deviations
    assert "version 2 answers" in done.text("promote")
    assert "champion" in done.text("promote")
    assert "version 1 answers" in done.text("rollback")
    assert "tutorial-buys-again-" in done.html("services")
    assert "tutorial-buys-again-" in done.html("list")
    assert "tutorial-buys-again-" not in done.html("delete") + done.text("delete")
    assert only_says_what_it_started(done)
    until(lambda: nothing_runs(tmp_path / "home"))


# ---- your own ONNX model ------------------------------------------------------------------------------------------------------


def test_your_own_onnx(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a hub that runs already, where the user has a service, and twice: the second time meets what the first left."""
    mine = (op.Receiver(schema={"age": "float"}) >> op.Pandas(import_="abs", cols="age", inplace=True)).compile()
    with up(tmp_path / "up", "--port", "0") as hub, Client(hub=hub) as client:
        client.publish(mine, "tumour")
        before = client.service("tumour")
        monkeypatch.setenv("RTML_HUB", hub)
        first, second = run("your_own_onnx"), run("your_own_onnx")
        assert client.services() == [before]
    for done in (first, second):
        assert "0 differences" in done.text("compile")
        assert done.number("one") == pytest.approx(malignant(), abs=1e-5)
        assert done.number("same") < 1e-6
        assert "download.onnx" in done.text("wrong-file")
        assert "is not an ONNX model" in done.text("wrong-file")
        assert "takes 4 column(s), the features are 1: radius" in done.text("wrong-columns")
        assert not done.stderr  # nothing had to be started
    assert not (tmp_path / "home").exists()


def malignant() -> float:
    """What scikit-learn itself gives for the row that the notebook scores."""
    frame = load_breast_cancer(as_frame=True).frame
    train, _ = train_test_split(frame, test_size=0.3, random_state=1)
    measures = train[["mean radius", "mean texture", "mean smoothness", "mean concavity"]]
    network = make_pipeline(StandardScaler(), MLPClassifier(16, max_iter=1000, random_state=1))
    network.fit(measures.to_numpy(), 1 - train["target"])
    texture = measures["mean texture"].mask(measures.index % 10 == 0).median()
    return float(network.predict_proba([[14.2, texture, 0.11, 0.12]])[0, 1])


# ---- your own operator --------------------------------------------------------------------------------------------------------


def test_your_own_operator(run: Run, tmp_path: Path) -> None:
    done = run("your_own_operator")
    assert done.text("operator").startswith("op.Alive(")
    assert "a formula: it runs on numpy, and is traced into ONNX" in done.text("operator")
    assert "error" not in done.text("operator")
    assert "<svg" in done.html("graph")
    assert "0 differences" in done.text("compile")
    train = with_alive(customers("1997-07-01"))
    model = GradientBoostingClassifier(n_estimators=30, random_state=0)
    columns = ["alive", "repeats", "recency", "age"]
    model.fit(train[columns], train["again"])
    row = pd.DataFrame([{"orders": 11, "as_of": pd.Timestamp("1998-01-01")}]).assign(
        first=pd.Timestamp("1997-01-18"), last=pd.Timestamp("1997-12-12")
    )
    assert done.number("one") == pytest.approx(model.predict_proba(with_alive(row)[columns])[0, 1], abs=1e-5)
    assert "rtml-alive/rtml_alive/operators.py" in done.text("files")
    assert "rtml_alive-0.1.0-py3-none-any.whl" in done.text("wheel")
    assert "Alive: 1 example: parameters come back from JSON" in done.text("check")
    assert "1 plugin: no errors" in done.text("check")
    assert only_says_what_it_started(done)
    until(lambda: nothing_runs(tmp_path / "home"))


def with_alive(rows: pd.DataFrame) -> pd.DataFrame:
    """The features of the notebook, with the formula as the paper has it."""
    repeats = rows["orders"] - 1
    recency, age = ((rows[end] - rows["first"]).dt.days / 7 for end in ("last", "as_of"))
    odds = 0.891 / (1.614 + repeats) * ((6.183 + age) / (6.183 + recency)) ** (0.525 + repeats)
    return rows.assign(repeats=repeats, recency=recency, age=age, alive=1 / (1 + odds))


# ---- the files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_kept_as_it_is_opened(name: str) -> None:
    text = (TEMPLATES / f"{name}.ipynb").read_text()
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert not [cell.id for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert not re.search(r"[\"'(\s](/|~/|[A-Z]:\\)\w", "\n".join(cell.source for cell in notebook.cells))  # absolute paths
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_names_pages_that_there_are(name: str) -> None:
    """The wheel has no documentation, so that a notebook names pages by their titles."""
    notebook = nbformat.read(TEMPLATES / f"{name}.ipynb", as_version=4)
    [named] = re.findall(r"^- In the documentation: (.+)\.$", notebook.cells[-1].source, re.MULTILINE | re.DOTALL)
    titles = {path.read_text().partition("\n")[0].removeprefix("# ") for path in DOCS.rglob("*.md")}
    pages = re.findall(r"\*([^*]+)\*", named)
    assert pages
    assert set(pages) <= titles


def test_the_tutorial_shows_what_the_template_has() -> None:
    tutorial = (DOCS / "tutorial" / "notebook.md").read_text()
    notebook = nbformat.read(TEMPLATES / "train_and_publish.ipynb", as_version=4)
    shown = re.findall(r"^```py\n(.+?)\n```$", tutorial, re.MULTILINE | re.DOTALL)
    assert shown
    for block in shown:
        assert any(block in cell.source for cell in notebook.cells), block
    pictures = set(re.findall(r"\(\.\./pictures/([\w-]+\.png)\)", tutorial))
    assert pictures == {path.name for path in (DOCS / "pictures").glob("notebook-*")}


def test_three_templates_are_installed() -> None:
    assert NAMES == ["train_and_publish", "your_own_onnx", "your_own_operator"]
