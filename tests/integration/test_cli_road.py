"""A graph of 15 nodes goes from JSON to scores by the command line alone, each step in a process of its own."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.cli.helpers import Result, chain, child, node

SCHEMA = {
    "age": "float?",
    "km": "float",
    "quote": "float",
    "seen_at": "timestamp",
    "gender": "string?",
    "brand": "string?",
    "zip": "string",
    "visits": "int",
}
FEATURES = ["age", "km", "quote", "hour", "day", "price_per_km", "visits", "young"]


def fill(name: str, column: str, value: Any) -> dict[str, Any]:
    return node(name, "Pandas", **{"import": "fillna", "cols": column, "kwargs": {"value": value}, "inplace": True})


def derive(name: str, method: str, column: str, into: str | bool, **more: Any) -> dict[str, Any]:
    return node(name, "Pandas", **{"import": method, "cols": column, "inplace": into, **more})


GRAPH = chain(
    node("request", "Receiver", schema=SCHEMA),
    node("age", "FillMissing", cols="age", strategy="median"),
    fill("gender", "gender", "unknown"),
    derive("lower", "str.lower", "gender", True),
    fill("brand", "brand", "none"),
    derive("upper", "str.upper", "brand", True),
    node("rare", "GroupRare", cols="brand", top=3),
    derive("hour", "dt.hour", "seen_at", "hour"),
    derive("day", "dt.day", "seen_at", "day"),
    derive("price", "div", "quote", "price_per_km", kwargs={"other": {"column": "km"}}),
    fill("no_price", "price_per_km", 0.0),
    derive("young", "lt", "age", "young", kwargs={"other": 25.0}),
    derive("young_number", "astype", "young", True, kwargs={"dtype": "float64"}),
    node("code", "OneHotEncoder", cols=["gender", "brand"]),
    node(
        "model",
        "ScikitLearn",
        model="sklearn.ensemble.GradientBoostingClassifier",
        model_params={"n_estimators": 20, "max_depth": 3},
        features=FEATURES,
        label="bought",
        outputs={"propensity": "probability[1]"},
    ),
)


def row(random: random.Random) -> dict[str, Any]:
    age = None if random.random() < 0.1 else random.randint(18, 80)
    quote = round(random.uniform(100, 900), 2)
    return {
        "age": age,
        "km": random.randint(1, 200_000) / 10,
        "quote": quote,
        "seen_at": f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T{random.randint(0, 23):02}:15:00Z",
        "gender": random.choice(["Female", "male", None]),
        "brand": random.choice(["vw", "VW", "bmw", "opel", "lada", None]),
        "zip": f"0{random.randint(1000, 9999)}",
        "visits": random.randint(0, 9),
        "bought": int(quote + random.gauss(0, 60) < 400 or (age or 40) > 60),
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Result]]:
    """The whole way once: the folder, and what each step printed."""
    folder = tmp_path_factory.mktemp("road")
    numbers = random.Random(7)
    rows = [row(numbers) for _ in range(600)]
    (folder / "graph.json").write_text(json.dumps(GRAPH))
    write(folder / "train.csv", rows[:400])
    write(folder / "test.csv", rows[400:])
    asked = [{name: value for name, value in r.items() if name != "bought"} for r in rows[400:]]
    write(folder / "rows.csv", asked)
    (folder / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in asked))
    steps = {
        "fit": ["fit", "graph.json", "--train", "train.csv", "-o", "fitted.json"],
        "compile": ["compile", "fitted.json", "-o", "model.rtml", "--sample", "test.csv", "--explain"],
        "inspect": ["inspect", "model.rtml", "--json"],
        "check": ["check", "model.rtml"],
        "csv": ["score", "model.rtml", "--input", "rows.csv", "--output", "scores.csv", "--keep", "zip"],
        "jsonl": ["score", "model.rtml", "--input", "rows.jsonl", "--output", "scores.jsonl"],
    }
    return folder, {name: child(*words, cwd=folder) for name, words in steps.items()}


def test_every_step_succeeds(road: tuple[Path, dict[str, Result]]) -> None:
    failed = {name: result.err for name, result in road[1].items() if result.code}
    assert failed == {}


def test_fit_says_what_learned(road: tuple[Path, dict[str, Result]]) -> None:
    assert road[1]["fit"].out == "Fitted on 400 rows: age, rare, code, model. Wrote fitted.json\n"


def test_explain_shows_all_nodes_and_parity_was_proved_on_the_sample(road: tuple[Path, dict[str, Result]]) -> None:
    text = road[1]["compile"].out
    listed = [line.split()[1] for line in text.splitlines() if line[:1].isdigit()]
    assert listed[:15] == [entry["id"] for entry in GRAPH["nodes"]]
    assert ", 0 differences" in text


def test_inspect_shows_the_request_and_the_answer(road: tuple[Path, dict[str, Result]]) -> None:
    facts = road[1]["inspect"].json
    assert {field["name"]: field["type"] + "?" * field.get("nullable", False) for field in facts["fields"]} == SCHEMA
    assert [output["name"] for output in facts["outputs"]] == ["propensity"]
    assert facts["parity"]["rows"] >= 200
    assert facts["portable"] is True


def test_scores_are_those_of_the_authored_graph(road: tuple[Path, dict[str, Result]]) -> None:
    folder = road[0]
    from rtml_core.cli.build import read_graph
    from rtml_core.cli.frames import declared_fields, read_frame

    authored = read_graph(str(folder / "fitted.json"))
    expected = authored.run(read_frame(str(folder / "rows.csv"), declared_fields(authored)))["propensity"].tolist()
    scores = [json.loads(line)["propensity"] for line in (folder / "scores.jsonl").read_text().splitlines()]
    assert scores == pytest.approx(expected, rel=1e-9)
    assert len(set(scores)) > 20
    with (folder / "scores.csv").open() as stream:
        kept = list(csv.DictReader(stream))
    assert [float(entry["propensity"]) for entry in kept] == scores
    with (folder / "rows.csv").open() as stream:
        assert [entry["zip"] for entry in kept] == [entry["zip"] for entry in csv.DictReader(stream)]


def test_the_model_learned_something(road: tuple[Path, dict[str, Result]]) -> None:
    folder = road[0]
    with (folder / "test.csv").open() as stream:
        bought = [entry["bought"] == "1" for entry in csv.DictReader(stream)]
    scores = [json.loads(line)["propensity"] for line in (folder / "scores.jsonl").read_text().splitlines()]
    right = sum((score > 0.5) == truth for score, truth in zip(scores, bought, strict=True))
    assert right / len(bought) > 0.8


def test_the_graph_has_at_least_twelve_nodes() -> None:
    assert len(GRAPH["nodes"]) >= 12
