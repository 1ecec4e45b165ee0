"""The road to a person: purchases as XDM events, profiles built from them, a model that reads profiles, its score on the profile.

    python docs/examples/demo_profiles.py [FOLDER [EVERY]]

FOLDER is where everything goes, build/demo by default; EVERY: only every tenth customer when it is 10. The data is that of
demo_cdnow.py, moved forward in time by whole days, so that 1 January 1998 is today: what was bought before is known, what was
bought after tells whether the model was right.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pandas as pd
from demo_cdnow import BUILD, HORIZON, LEARN_ON, TRY_ON, in_words, read_purchases, say, show, shown, title
from demo_serving import running
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.client import Client

FOLDER = BUILD / "profiles"
HOME = FOLDER / "up"
DATA = HOME / "hub" / "data"
SERVICE = "again"
#: days from the time of the data to ours
FORWARD = pd.Timestamp.now(tz="UTC").tz_localize(None).floor("D") - TRY_ON
#: of the customers only every so many, for a shorter demo
EVERY = int(sys.argv[2]) if len(sys.argv) > 2 else 1
#: customers that are asked about one by one
ASKED = 1000

PURCHASE = {"eventType": "commerce.purchases"}
PRICE = "commerce.order.priceTotal"
#: what the model reads of a person, kept up with each event
AGGREGATES = {
    "orders": {"count": PURCHASE},
    "orders_90d": {"count": PURCHASE, "window": "90d"},
    "spent": {"sum": PRICE, "where": PURCHASE},
    "spent_90d": {"sum": PRICE, "where": PURCHASE, "window": "90d"},
    "usual_order": {"mean": PRICE, "where": PURCHASE, "type": "float", "default": 0.0},
    "largest_order": {"max": PRICE, "where": PURCHASE, "type": "float", "default": 0.0},
    "silence": {"recency": PURCHASE, "type": "float", "default": 1e9},
}


def main() -> None:
    """Run this part of the demo from end to end."""
    started = time.perf_counter()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    purchases = some(read_purchases())
    ingest(purchases)
    package = learn(training_frame(purchases))
    title("Serve by identity")
    with running(HOME, ("na",)) as hub, Client(hub=hub) as client:
        publish(client, package)
        judge(client, purchases)
        look(client, purchases)
        follow(client, purchases)
    farewell(time.perf_counter() - started)


# ---- the steps, each saying what it does --------------------------------------------------------------------------------


def ingest(purchases: pd.DataFrame) -> None:
    title("Purchases as XDM events")
    known = purchases[purchases["day"] < TRY_ON]
    documents = [event(number, row) for number, row in enumerate(known.itertuples(index=False), 1)]
    path = FOLDER / "events.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines(documents))
    say(
        f"The {len(known):,} purchases before {in_words(TRY_ON)} are written as events, {FORWARD.days:,} days later, so that this"
        f" day is today. One of them:"
    )
    show(msgspec.json.encode(documents[0]).decode())
    say("Each is checked against a schema, kept in a dataset, and added to the profile of the person it is about:")
    command("ingest", path, "--schema", "shop-event", "--dataset", "purchases", "--home", DATA)


def event(number: int, row: Any) -> dict[str, Any]:
    """A purchase as an XDM ExperienceEvent. Its day is all that is known of its time."""
    order: dict[str, Any] = {"currencyCode": "USD", "priceTotal": row.dollars}
    return {
        "_id": f"cdnow-{number}",
        "timestamp": f"{row.day + FORWARD:%Y-%m-%dT12:00:00Z}",
        "eventType": "commerce.purchases",
        "identityMap": {"CRMID": [{"id": row.customer, "primary": True}]},
        "commerce": {"purchases": {"value": 1}, "order": order},
        "productListItems": [{"name": "CD", "quantity": row.items}],
    }


def author() -> Graph:
    """From a person to the chance of another purchase; the score goes back to the profile."""
    return (
        op.ProfileReader(aggregates=AGGREGATES, timeout_ms=100.0)
        >> op.ScikitLearn(
            model=GradientBoostingClassifier(n_estimators=60, max_depth=3, random_state=0),
            features=list(AGGREGATES),
            label="again",
            outputs={"buys_again": "probability[1]"},
        )
        >> op.Pandas(import_="filter", kwargs={"items": ["buys_again"]})
        >> op.ProfileWriter(output="buys_again", path="_shop.buysAgain")
    )


def training_frame(purchases: pd.DataFrame) -> pd.DataFrame:
    title("A training frame that is right for its moment")
    customers = sorted(purchases["customer"].unique())
    spine, graph, frame = FOLDER / "spine.csv", FOLDER / "graph.json", FOLDER / "frame.parquet"
    pd.DataFrame({"customer": customers, "time": f"{LEARN_ON + FORWARD:%Y-%m-%dT00:00:00Z}"}).to_csv(spine, index=False)
    graph.write_text(json.dumps(author().to_dsl()))
    say(
        f"All events are replayed in the order of their time, and each customer is read as serving would have read them half a"
        f" year ago, on what was {in_words(LEARN_ON)}. Whether they bought within {HORIZON.days} days from then is the label:"
    )
    command(
        *("profile", "training-frame", "--home", DATA, "--graph", graph, "--spine", spine, "--identity", "CRMID=customer"),
        *("--clock", "timestamp", "--label", "eventType=commerce.purchases", "--within", f"{HORIZON.days}d"),
        *("--label-name", "again", "--output", frame),
    )
    made = pd.read_parquet(frame)
    show(made.drop(columns=["time"]).iloc[:3].to_string(index=False, max_colwidth=12))
    return made


def learn(frame: pd.DataFrame) -> Any:
    title("Learn and prove")
    graph = author()
    graph.fit(frame.assign(again=frame["again"].astype(int)))
    package = graph.compile(sample=frame[list(AGGREGATES)])
    show(str(package.report))
    return package


def publish(client: Client, package: Any) -> None:
    path = FOLDER / "again.rtml"
    package.save(path)
    show(f"rtml publish {shown(path)} --name {SERVICE}")
    client.publish(path, SERVICE, description="Will this person buy again within 180 days?")
    enrichment = client.enrichment(SERVICE)
    say(f"The model's ProfileWriter became the service's enrichment: {spelled(enrichment.outputs)}.")


def judge(client: Client, purchases: pd.DataFrame) -> None:
    title("Ask about persons")
    later = purchases[(purchases["day"] >= TRY_ON) & (purchases["day"] < TRY_ON + HORIZON)]
    customers = sorted(purchases["customer"].unique())
    customers = customers[:: max(1, len(customers) // ASKED)][:ASKED]
    edge = client.edges()[0].url
    body = json.dumps({"identity": {"CRMID": customers[0]}})
    show(f"curl {edge}/v1/services/{SERVICE}/predict -H 'Content-Type: application/json' -d '{body}'")
    with Client(edges={"na": edge}) as near:
        first = [timed(lambda who=who: near.predict_for(SERVICE, {"CRMID": who})) for who in customers]
        again = [timed(lambda who=who: near.predict_for(SERVICE, {"CRMID": who})) for who in customers]
    scores = [answer["buys_again"] for _, answer in again]
    show(f"-> {json.dumps(dict(again[0][1]))}")
    auc = roc_auc_score([who in set(later["customer"]) for who in customers], scores)
    lines = [f"{f'{len(customers):,} persons, one by one':<34}{'median':>10}{'p99':>10}   milliseconds, client included"]
    for name, taken in (("the first time: the hub is asked", first), ("then the edge has the profile", again)):
        each = [seconds * 1e3 for seconds, _ in taken]
        lines.append(f"{name:<34}{statistics.median(each):>10.2f}{statistics.quantiles(each, n=100)[98]:>10.2f}")
    show("\n".join(lines))
    say(f"Against what these customers did do in the half year after (ROC AUC): {auc:.3f}.")


def look(client: Client, purchases: pd.DataFrame) -> None:
    title("The score is on the profile")
    who = busiest(purchases)
    score = client.predict_for(SERVICE, {"CRMID": who})["buys_again"]
    start = time.perf_counter()
    found = until(lambda: written(client, who), lambda value: value.get("score") == score)
    taken = time.perf_counter() - start
    show(f"rtml profile lookup CRMID:{who} --hub {client.hub}\n-> {json.dumps({'_shop': {'buysAgain': found}})}")
    say(f"It was there {taken * 1e3:.0f} ms after the answer. Segments and pages can read it from now on.")


def follow(client: Client, purchases: pd.DataFrame) -> None:
    title("The model follows the person")
    who = busiest(purchases)
    before = client.predict_for(SERVICE, {"CRMID": who})["buys_again"]
    now = f"{pd.Timestamp.now(tz='UTC'):%Y-%m-%dT%H:%M:%SZ}"
    order = {"currencyCode": "USD", "priceTotal": 89.5}
    document = {
        "_id": "one-more",
        "timestamp": now,
        "eventType": "commerce.purchases",
        "identityMap": {"CRMID": [{"id": who, "primary": True}]},
        "commerce": {"purchases": {"value": 1}, "order": order},
    }
    say("Another purchase arrives at the hub, this time over HTTP, and the edge learns of it:")
    show(f"curl {client.hub}/v1/collect?schema=shop-event&dataset=purchases -d '{json.dumps(document)[:60]}...'")
    client.ingest(document, schema="shop-event", dataset="purchases")
    start = time.perf_counter()
    after = until(lambda: client.predict_for(SERVICE, {"CRMID": who})["buys_again"], lambda score: score != before)
    taken = time.perf_counter() - start
    say(f"The chance of {who} was {before:.3f} and is {after:.3f}, {taken * 1e3:.0f} ms after the hub had it.")


def farewell(taken: float) -> None:
    title("What to try with profiles")
    show(
        f"rtml datasets list --home {shown(DATA)}\n"
        f"rtml profile lookup CRMID:00003 --home {shown(DATA)}\n"
        f"rtml profile events CRMID:00003 --home {shown(DATA)}\n"
        f"rtml profile erase CRMID:00003 --home {shown(DATA)}\n"
        f"rtml up --home {shown(HOME)} --port 8000   # the service and the profiles are still there"
    )
    say(f"This part took {taken:.0f} s.")


# ---- helpers ----------------------------------------------------------------------------------------------------------------


def command(*arguments: Any) -> None:
    """Run a command of rtml, shown as a person would type it, with what it says."""
    words = [shown(word) if hasattr(word, "is_relative_to") else str(word) for word in arguments]
    show(f"rtml {' '.join(words)}")
    done = subprocess.run([sys.executable, "-m", "rtml_core.cli", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    show(done.stdout.rstrip())


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = job()
    return time.perf_counter() - start, answer


def written(client: Client, who: str) -> dict[str, Any]:
    """What stands on the profile where the model writes its score."""
    found: dict[str, Any] = client.profile("CRMID", who).attributes.get("_shop", {}).get("buysAgain", {})
    return found


def until(ask: Callable[[], Any], right: Callable[[Any], bool]) -> Any:
    """What is asked for, as soon as it is right; SystemExit after two minutes."""
    deadline = time.monotonic() + 120
    while not right(answer := ask()):
        if time.monotonic() > deadline:
            raise SystemExit("waited for two minutes in vain")
        time.sleep(0.002)
    return answer


def some(purchases: pd.DataFrame) -> pd.DataFrame:
    """Those of every EVERYth customer."""
    return purchases[purchases["customer"].astype(int) % EVERY == 0]


def busiest(purchases: pd.DataFrame) -> str:
    """The customer with the most orders before today."""
    known = purchases[purchases["day"] < TRY_ON]
    return str(known["customer"].value_counts().index[0])


def spelled(outputs: Any) -> str:
    return ", ".join(f"{name} goes to {path}" for name, path in dict(outputs).items())


if __name__ == "__main__":
    main()
