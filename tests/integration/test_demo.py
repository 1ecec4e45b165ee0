"""The demo runs from end to end, as `make demo` runs it, and says what it promises."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtml_core import Runtime

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    command = [sys.executable, "-W", "error", str(ROOT / "docs" / "examples" / "demo_cdnow.py"), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_it_tells_every_step(said: str) -> None:
    titles = re.findall(r"^(.+)\n=+$", said, re.MULTILINE)
    assert titles == [
        "The data",
        "The graph",
        "Is it any good?",
        "Compile and prove",
        "Score a customer",
        "Score the file",
        "Authored and compiled, side by side",
        "What to try next",
    ]


def test_it_uses_all_of_the_real_data(said: str) -> None:
    text = " ".join(said.split())
    assert "69,659 purchases of 23,570 customers" in text
    assert "all 23,570 customers" in text


def test_the_graph_beats_the_simple_rivals_on_later_customers(said: str) -> None:
    rows = re.findall(r"^ +(always|only|the graph)\b.*?(\d\.\d+) +(\d\.\d+) +(\d\.\d+)$", said, re.MULTILINE)
    figures = {name: [float(value) for value in values] for name, *values in rows}
    assert set(figures) == {"always", "only", "the graph"}
    auc, loss, brier = figures["the graph"]
    for rival in ("always", "only"):
        assert auc > figures[rival][0]
        assert loss < figures[rival][1]
        assert brier < figures[rival][2]


def test_parity_is_proved_on_every_customer(said: str) -> None:
    (rows,) = re.findall(r"parity: ([\d,]+) rows, 0 differences", said)
    assert int(rows.replace(",", "")) > 23_570


def test_the_package_it_leaves_scores_what_it_printed(said: str, folder: Path) -> None:
    runtime = Runtime.from_file(folder / "buys_again.rtml")
    pairs = re.findall(r"^ +(\{.*\})\n +-> (\{.*\})$", said, re.MULTILINE)
    assert len(pairs) == 3
    for row, answer in pairs:
        assert runtime.score(json.loads(row)) == pytest.approx(json.loads(answer))


def test_every_customer_of_the_file_has_a_score(said: str, folder: Path) -> None:
    customers = (folder / "customers.jsonl").read_text().splitlines()
    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    assert len(customers) == len(scores) == 23_570
    assert all(0 < score["buys_again"] < 1 for score in scores)


def test_without_the_wheel_it_says_what_to_install(folder: Path) -> None:
    script = ROOT / "docs" / "examples" / "demo_cdnow.py"
    hide = (
        "import importlib.metadata as m, runpy, sys\n"
        "def gone(name): raise m.PackageNotFoundError(name)\n"
        f"m.distribution = gone; sys.argv = ['demo', {str(folder)!r}]\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert result.stderr.startswith("The demo's data comes in the wheel of lifetimes. Install it: pip install 'rtml[demo]'")


# ---- the road goes on: hub and edges --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(said: str, folder: Path) -> str:
    """What the second part prints, on the package of the first."""
    command = [sys.executable, "-W", "error", str(ROOT / "docs" / "examples" / "demo_serving.py"), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def test_the_second_part_tells_every_step(served: str) -> None:
    assert re.findall(r"^(.+)\n=+$", served, re.MULTILINE) == [
        "A hub and three edges",
        "Publish",
        "Score over HTTP",
        "Another version, for some",
        "Lose an edge",
        "Roll back",
        "Look at it",
        "What to try with it",
    ]


def test_three_regions_answer_with_what_the_package_answers(served: str, folder: Path) -> None:
    assert "Version 1 answers in apac, emea and na" in " ".join(served.split())
    first = json.loads((folder / "customers.jsonl").read_text().splitlines()[0])
    answered = re.search(r"^ +-> (\{.*\})   version 1, request \S+$", served, re.MULTILINE)
    assert answered is not None
    assert json.loads(answered[1]) == Runtime.from_file(folder / "buys_again.rtml").score(first)


def test_an_edge_is_lost_and_nobody_notices(served: str) -> None:
    answers = dict(re.findall(r"^ +(\w+) +([\d,]+) answers$", served, re.MULTILINE))
    assert "emea" in answers
    assert len(answers) > 1
    assert re.search(r"^ +failed +0$", served, re.MULTILINE)


def test_every_region_rolls_back(served: str) -> None:
    text = " ".join(served.split())
    assert "apac by version 2, emea by version 2, na by version 2" in text
    assert "apac by version 1, emea by version 1, na by version 1" in text


def test_it_says_where_the_gallery_is(served: str) -> None:
    opened = r"^ +Open http://127\.0\.0\.1:\d+/gallery/services/buys-again +\(answered 200 in \d+ ms\)$"
    assert re.search(opened, served, re.MULTILINE)


# ---- the road to a person: events, profiles, scores on them -------------------------------------------------------------------


@pytest.fixture(scope="module")
def personal(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the third part prints, on every tenth customer."""
    folder = tmp_path_factory.mktemp("personal")
    command = [sys.executable, "-W", "error", str(ROOT / "docs" / "examples" / "demo_profiles.py"), str(folder), "10"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def test_the_third_part_tells_every_step(personal: str) -> None:
    assert re.findall(r"^(.+)\n=+$", personal, re.MULTILINE) == [
        "Purchases as XDM events",
        "A training frame that is right for its moment",
        "Learn and prove",
        "Serve by identity",
        "Ask about persons",
        "The score is on the profile",
        "The model follows the person",
        "What to try with profiles",
    ]


def test_all_events_are_taken_and_all_customers_are_in_the_frame(personal: str) -> None:
    text = " ".join(personal.split())
    (known,) = re.findall(r"The ([\d,]+) purchases before 1 January 1998", text)
    assert f"{known} records: {known} new in dataset 'purchases'" in text
    assert "2,357 rows with 10 columns" in text


def test_the_model_of_profiles_tells_customers_apart(personal: str) -> None:
    (auc,) = re.findall(r"\(ROC AUC\): (0\.\d+)\.", " ".join(personal.split()))
    assert float(auc) > 0.7


def test_the_score_that_is_answered_stands_on_the_profile(personal: str) -> None:
    (found,) = re.findall(r'-> (\{"_shop".*\})$', personal, re.MULTILINE)
    written = json.loads(found)["_shop"]["buysAgain"]
    assert written["version"] == 1
    assert 0 < written["score"] < 1
    assert re.fullmatch("[0-9a-f]{64}", written["model"])


def test_another_purchase_changes_the_answer(personal: str) -> None:
    text = " ".join(personal.split())
    ((before, after),) = re.findall(r"The chance of \d+ was (0\.\d+) and is (0\.\d+), \d+ ms after", text)
    assert before != after
