"""The whole road on real data: author a graph, learn, prove, compile, score.

Data: CDNOW, 69,659 purchases of the 23,570 customers who first bought music from that web shop in early 1997 (P. Fader and
B. Hardie). The file comes inside the wheel of `lifetimes`; only the file is read, the package is never imported.

Question: will this customer buy again within 180 days?

    python docs/examples/demo_cdnow.py [FOLDER]

FOLDER is where the package and the scores go, build/demo by default.
"""

from __future__ import annotations

import statistics
import sys
import textwrap
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from rtml_core import Graph, Operator, Runtime
from rtml_core import operators as op

BUILD = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "build" / "demo"
HORIZON = pd.Timedelta(days=180)
#: learn from what was known on the first day; try it on the second, half a year later, when all first answers are known
LEARN_ON = pd.Timestamp("1997-07-01")
TRY_ON = pd.Timestamp("1998-01-01")

NO_DATA = "The demo's data comes in the wheel of lifetimes. Install it: pip install 'rtml[demo]', or run `make demo`"

#: the raw row of a customer, as a shop's database has it
SCHEMA = {
    "as_of": "timestamp",  # the day of the question
    "first_order": "timestamp",
    "last_order": "timestamp",
    "previous_order": "timestamp?",  # the one before the last; two customers in three have none
    "orders": "int",
    "items": "int",
    "spent": "float?",  # US dollars; missing where the shop recorded no amount
    "largest_order": "float?",
}
FEATURES = ["silence", "silent_share", "gap", "one_time", "orders", "items", "spent", "largest_order", "per_order"]


def main() -> None:
    """Run the demo from end to end."""
    started = time.perf_counter()
    purchases = read_purchases()
    train, test = customers(purchases, LEARN_ON), customers(purchases, TRY_ON)
    introduce(purchases, train, test)
    graph = learn(train)
    judge(graph, train, test)
    path = compile_and_prove(graph, test)
    runtime = score_some(path, test)
    score_all(runtime, graph, test)
    race(runtime, graph, test)
    farewell(path, time.perf_counter() - started)


# ---- the data ---------------------------------------------------------------------------------------------------------------


def read_purchases() -> pd.DataFrame:
    """One row a purchase: customer, day, items, dollars. Raises SystemExit when the wheel is not installed."""
    try:
        files = distribution("lifetimes").files or []
    except PackageNotFoundError:
        raise SystemExit(NO_DATA) from None
    path = next(file.locate() for file in files if file.name == "CDNOW_master.txt")
    names = {"customer": str, "day": str, "items": int, "dollars": float}
    frame = pd.read_csv(str(path), sep=r"\s+", skiprows=1, names=list(names), dtype=names)
    frame["day"] = pd.to_datetime(frame["day"], format="%Y%m%d")
    return frame


def customers(purchases: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """What the shop knows about each customer on `day` (see SCHEMA), and `again`: whether they bought within 180 days from then.

    Only purchases before `day` go into the row, only purchases from `day` on into the answer.
    """
    known = purchases[purchases["day"] < day]
    orders = known.groupby(["customer", "day"], as_index=False)[["items", "dollars"]].sum().sort_values(["customer", "day"])
    orders["previous_order"] = orders.groupby("customer")["day"].shift()
    grouped = orders.groupby("customer")
    rows = grouped.agg(
        first_order=("day", "min"),
        last_order=("day", "max"),
        previous_order=("previous_order", "last"),
        orders=("day", "size"),
        items=("items", "sum"),
        spent=("dollars", "sum"),
        largest_order=("dollars", "max"),
    )
    rows["spent"] = rows["spent"].round(2)
    nothing = rows["spent"] == 0  # a few give-aways: the amount says nothing about the customer
    rows.loc[nothing, ["spent", "largest_order"]] = np.nan
    rows.insert(0, "as_of", day)
    later = purchases[(purchases["day"] >= day) & (purchases["day"] < day + HORIZON)]
    rows["again"] = rows.index.isin(later["customer"]).astype(int)
    return rows.reset_index(drop=True)


def requests(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a web server would get them: JSON objects, dates as ISO text, missing values as null."""
    plain = rows[list(SCHEMA)].astype(object)
    for name, spec in SCHEMA.items():
        if spec.startswith("timestamp"):
            plain[name] = rows[name].dt.strftime("%Y-%m-%d")
    return plain.where(rows[list(SCHEMA)].notna(), None).to_dict("records")


# ---- the graph --------------------------------------------------------------------------------------------------------------


def author(depth: int = 3) -> Graph:
    """From a raw row to the probability of another purchase. depth: of the trees."""
    days = ["silence", "tenure", "gap"]
    graph = (
        op.Receiver(schema=SCHEMA)
        >> op.Pandas(import_="rsub", cols="last_order", kwargs={"other": {"column": "as_of"}}, into="silence")
        >> op.Pandas(import_="rsub", cols="first_order", kwargs={"other": {"column": "as_of"}}, into="tenure")
        >> op.Pandas(import_="sub", cols="last_order", kwargs={"other": {"column": "previous_order"}}, into="gap")
        >> op.Pandas(import_="dt.days", cols=days, inplace=True)
        >> op.Pandas(import_="isna", cols="previous_order", into="one_time")
        >> op.Pandas(import_="fillna", cols="gap", kwargs={"value": 999.0}, inplace=True)
        >> op.FillMissing(cols=["spent", "largest_order"], strategy="median")
        >> op.Pandas(import_="clip", cols=["spent", "largest_order"], kwargs={"upper": 1000.0}, inplace=True)
        >> op.Pandas(import_="div", cols="silence", kwargs={"other": {"column": "tenure"}}, into="silent_share")
        >> op.Pandas(import_="div", cols="spent", kwargs={"other": {"column": "orders"}}, into="per_order")
        >> op.Pandas(import_="fillna", cols=["silent_share", "per_order"], kwargs={"value": 0.0}, inplace=True)  # 0 / 0
        >> op.ScikitLearn(
            model=GradientBoostingClassifier(n_estimators=80, max_depth=depth, random_state=0),
            features=FEATURES,
            label="again",
            outputs={"buys_again": "probability[1]"},
        )
    )
    graph.outputs = {"buys_again": "buys_again"}
    return graph


# ---- the steps, each saying what it does --------------------------------------------------------------------------------


def introduce(purchases: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame) -> None:
    title("The data")
    say(
        f"CDNOW sold music on the web. Here are {len(purchases):,} purchases of {purchases['customer'].nunique():,} customers, "
        f"from {in_words(purchases['day'].min())} to {in_words(purchases['day'].max())}."
    )
    say(
        f"The question: will a customer buy again within {HORIZON.days} days? We learn from what was known on "
        f"{in_words(LEARN_ON)} ({train['again'].mean():.0%} did buy again) and try it on {in_words(TRY_ON)} "
        f"({test['again'].mean():.0%} did). Nothing from the day of the question on goes into a row. One raw row:"
    )
    show(msgspec.json.encode(requests(test.iloc[[3]])[0]).decode())
    say(f"{test['previous_order'].isna().mean():.0%} of the customers have bought once only, so they have no previous order.")


def learn(train: pd.DataFrame) -> Graph:
    title("The graph")
    graph = author()
    say("From the raw row to the answer, every step is a node; see author() in this file. It runs on pandas as it stands:")
    show("\n".join(f"{number:>2}  {in_short(node)}" for number, node in enumerate(graph.nodes.values(), start=1)))
    start = time.perf_counter()
    graph.fit(train)
    say(f"Learned from {len(train):,} customers in {time.perf_counter() - start:.1f} s: two medians and 80 trees.")
    return graph


def in_short(node: Operator) -> str:
    """A node on one line: operator, method, columns, arguments, new columns."""
    params = node.to_json()
    if isinstance(node, op.Receiver):
        return f"{node.name}  {', '.join(params['schema'])}"
    if isinstance(node, op.ScikitLearn):
        return f"{node.name}  {node.params.model}  {', '.join(params['features'])} -> {', '.join(params['outputs'])}"
    columns = params["cols"] if isinstance(params["cols"], list) else [params["cols"]]
    method = params.get("import", params.get("strategy"))
    arguments = "".join(f" {name}={value}" for name, value in params.get("kwargs", {}).items())
    into = f" -> {params['into']}" if "into" in params else ""
    return f"{node.name}  {method}{arguments}  {', '.join(columns)}{into}"


def judge(graph: Graph, train: pd.DataFrame, test: pd.DataFrame) -> None:
    title("Is it any good?")
    answers = test["again"]
    recency = LogisticRegression().fit(days_silent(train), train["again"])
    contenders = {
        f"always {train['again'].mean():.0%}, the share of July 1997": np.full(len(test), train["again"].mean()),
        "only: days since the last order": recency.predict_proba(days_silent(test))[:, 1],
        "the graph": graph.run(test)["buys_again"].to_numpy(),
    }
    lines = [f"{'on ' + in_words(TRY_ON):<34}{'ROC AUC':>9}{'log loss':>10}{'Brier':>8}"]
    for name, chance in contenders.items():
        scores = roc_auc_score(answers, chance), log_loss(answers, chance), brier_score_loss(answers, chance)
        lines.append(f"{name:<34}{scores[0]:>9.3f}{scores[1]:>10.3f}{scores[2]:>8.3f}")
    show("\n".join(lines))
    say("ROC AUC: 0.5 is guessing, 1 is perfect. Log loss and Brier score say how far the probabilities are off: less is better.")
    say("When a customer bought last tells most of the ranking; the other features make the probabilities much truer.")


def days_silent(rows: pd.DataFrame) -> pd.DataFrame:
    """Days since the last order, the one feature of the simple rival."""
    return pd.DataFrame({"days": (rows["as_of"] - rows["last_order"]).dt.days})


def compile_and_prove(graph: Graph, test: pd.DataFrame) -> Path:
    title("Compile and prove")
    start = time.perf_counter()
    package = graph.compile(sample=test[list(SCHEMA)])
    say(f"The whole graph, not only the model, is now one ONNX model of {package.node_count} ONNX nodes. What each node became:")
    show(package.explain())
    say(
        f"Before it was written, the authored and the compiled graph ran on the same rows: all {len(test):,} customers, random "
        f"ones, rows with missing and extreme values, and rows at every threshold of the trees. One difference, and there would "
        f"be no package."
    )
    show(str(package.report))
    path = BUILD / "buys_again.rtml"
    path.parent.mkdir(parents=True, exist_ok=True)
    package.save(path)
    size, taken = path.stat().st_size / 1000, time.perf_counter() - start
    say(f"That took {taken:.1f} s. The package, {size:.0f} kB; to score it, a machine needs neither pandas nor scikit-learn:")
    show(f"{shown(path)}\nid {package.id}")
    return path


def score_some(path: Path, test: pd.DataFrame) -> Runtime:
    title("Score a customer")
    runtime = Runtime.from_file(path)
    chosen = {
        "bought once, a year ago": test["orders"].eq(1) & (test["last_order"] < "1997-01-15"),
        "bought twice": test["orders"].eq(2),
        "comes every month": test["orders"].gt(11) & (test["last_order"] > "1997-12-01"),
    }
    for who, rows in chosen.items():
        row = requests(test[rows].iloc[[0]])[0]
        say(f"{who}:")
        show(f"{msgspec.json.encode(row).decode()}\n-> {msgspec.json.encode(runtime.score(row)).decode()}")
    return runtime


def score_all(runtime: Runtime, graph: Graph, test: pd.DataFrame) -> None:
    title("Score the file")
    rows = requests(test)
    source, target = BUILD / "customers.jsonl", BUILD / "scores.jsonl"
    encoder = msgspec.json.Encoder()
    source.write_bytes(encoder.encode_lines(rows))
    start = time.perf_counter()
    answers = runtime.score(msgspec.json.Decoder().decode_lines(source.read_bytes()))
    target.write_bytes(encoder.encode_lines(answers))
    taken = time.perf_counter() - start
    compiled = np.array([answer["buys_again"] for answer in answers])
    apart = np.abs(compiled - graph.run(test)["buys_again"].to_numpy()).max()
    say(f"{len(rows):,} customers from {shown(source)} to {shown(target)} in {taken:.2f} s, reading and writing included.")
    say(f"Largest difference between authored and compiled probability: {apart:.1e}.")
    say(f"Customers with a chance above one half: {(compiled > 0.5).sum():,}.")


def race(runtime: Runtime, graph: Graph, test: pd.DataFrame) -> None:
    title("Authored and compiled, side by side")
    frames = [test.iloc[[number]] for number in range(20)]
    rows = requests(test.iloc[:2000])
    columns = {name: test[name].to_numpy() for name in SCHEMA}
    one_authored = seconds(lambda number: graph.run(frames[number % len(frames)]), 20)
    one_compiled = seconds(lambda number: runtime.score(rows[number % len(rows)]), 4000)
    all_authored = seconds(lambda _: graph.run(test), 3) / len(test)
    all_compiled = seconds(lambda _: runtime.score_columns(columns), 3) / len(test)
    lines = [f"{'microseconds a row':<30}{'authored':>12}{'compiled':>12}{'times':>8}"]
    pairs = {"one row at a time": (one_authored, one_compiled), f"all {len(test):,} at once": (all_authored, all_compiled)}
    for what, (slow, fast) in pairs.items():
        lines.append(f"{what:<30}{slow * 1e6:>12,.1f}{fast * 1e6:>12,.1f}{slow / fast:>8,.0f}")
    show("\n".join(lines))
    say("One row at a time is what a web page asks for: the compiled figure is from the JSON object to the answer, on one core.")


def seconds(job: Callable[[int], Any], count: int) -> float:
    """Median seconds of one call, after one call to warm up."""
    job(0)
    taken = []
    for number in range(count):
        start = time.perf_counter()
        job(number)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def farewell(path: Path, taken: float) -> None:
    title("What to try next")
    package, folder = shown(path), shown(BUILD)
    show(
        f"rtml inspect {package}\n"
        f"rtml check {package}\n"
        f"rtml score {package} --input {folder}/customers.jsonl --output {folder}/scores.csv\n"
        f"rtml operators list"
    )
    say("(`rtml` is in .venv/bin when `make demo` made the environment.)")
    say("Change author() in this file: misspell a column, or add a step that needs other rows, and read what it says:")
    show('>> op.Pandas(import_="shift", cols="spent")')
    say(f"Done in {taken:.0f} s.")


# ---- printing ---------------------------------------------------------------------------------------------------------------


def title(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}", flush=True)


def say(text: str) -> None:
    print(textwrap.fill(text, 100), flush=True)


def show(text: str) -> None:
    print(textwrap.indent(text, "    "), flush=True)


def in_words(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%B %Y}"


def shown(path: Path) -> str:
    """A path as a person in the working folder would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main()
