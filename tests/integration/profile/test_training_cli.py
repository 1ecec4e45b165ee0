"""`rtml profile training-frame` over a folder of data: by replay, for each event, from the log; and equal to what was served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from rtml_core import Runtime
from rtml_core.timestamps import format_timestamp
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.profile.boundary import wanted
from rtml_plugins.profile.collector import Collector
from rtml_plugins.profile.history import PREDICTIONS, History
from rtml_plugins.profile.home import DataHome, open_home
from rtml_plugins.profile.local import LocalProfiles
from rtml_plugins.profile.reader import ProfileReader
from rtml_plugins.profile.training import training_frame
from rtml_plugins.serving.predictions import Prediction
from rtml_plugins.xdm.datasets_batch import Incoming

DAY = 86_400_000_000
START = 1_767_225_600_000_000  # 2026-01-01
NAMES = ["tier", "views", "spent", "silence"]


def reader() -> ProfileReader:
    return ProfileReader(
        attributes={"tier": {"path": "loyalty.tier", "type": "string?", "default": "none"}},
        aggregates={
            "views": {"count": {"eventType": "commerce.productViews"}, "window": "7d"},
            "spent": {"sum": "commerce.order.priceTotal"},
            "silence": {"recency": {"eventType": "commerce.purchases"}},
        },
    )


def xdm(number: int, at: int, visitor: dict[str, str], kind: str = "productViews", price: float | None = None) -> dict[str, Any]:
    identity = {namespace: [{"id": id, "primary": namespace == "ECID"}] for namespace, id in visitor.items()}
    made: dict[str, Any] = {
        "_id": f"e{number}", "timestamp": format_timestamp(at), "eventType": f"commerce.{kind}", "identityMap": identity,
    }  # fmt: skip
    return made if price is None else made | {"commerce": {"order": {"priceTotal": price}}}


EVENTS = [
    xdm(1, START + 1 * DAY, {"ECID": "a"}),
    xdm(2, START + 2 * DAY, {"ECID": "a"}, "purchases", 19.99),
    xdm(3, START + 3 * DAY, {"ECID": "b"}),
    xdm(4, START + 4 * DAY, {"ECID": "a", "CRMID": "7"}),
    xdm(5, START + 9 * DAY, {"CRMID": "7"}, "purchases", 0.01),
    xdm(6, START + 20 * DAY, {"ECID": "b"}),
]


def collect(home: DataHome, dataset: str, schema: str, documents: list[dict[str, Any]]) -> None:
    import io

    done = Collector(home).collect(io.BytesIO(b"\n".join(map(msgspec.json.encode, documents))), schema, dataset)
    assert not done.refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data that was taken in long after it happened, and the graph that reads it."""
    place = tmp_path / "data"
    with open_home(place) as home:
        collect(home, "web", "shop-event", EVENTS)
        collect(
            home, "crm", "shop-profile", [{"_id": "r1", "identityMap": {"CRMID": [{"id": "7"}]}, "loyalty": {"tier": "gold"}}]
        )
    (tmp_path / "graph.json").write_text(json.dumps((Receiver(schema={"amount": "float"}) >> reader()).to_dsl()))
    return tmp_path


def run(rtml_cli: Any, folder: Path, *options: str) -> Any:
    more = [] if "--from-predictions" in options else ["--graph", str(folder / "graph.json")]
    return rtml_cli("profile", "training-frame", "--home", str(folder / "data"), *more, *options)


# ---- by replay ----------------------------------------------------------------------------------------------------------


def test_a_spine_from_a_file(folder: Path, rtml_cli: Any) -> None:
    (folder / "spine.csv").write_text(
        "time,visitor,amount,bought\n2026-01-04T12:00:00Z,a,5,1\n2026-01-06,a,7,0\n2026-01-11,a,1,0\n"
    )
    out = folder / "frame.parquet"
    done = run(
        rtml_cli, folder, "--spine", str(folder / "spine.csv"), "--identity", "ECID=visitor", "--clock", "timestamp",
        "--output", str(out),
    )  # fmt: skip
    assert done.code == 0, done.err
    frame = pd.read_parquet(out)
    assert [*frame.columns] == ["time", "visitor", "amount", "bought", *NAMES]
    assert frame["spent"].tolist() == [19.99, 19.99, 20.0]
    assert frame["views"].tolist() == [1, 2, 1]
    assert frame["tier"].tolist() == ["none"] * 3  # record data is known from when it was taken in
    assert "3 rows with 8 columns" in done.out
    assert "5 records in" in done.out


def test_each_event_with_its_label(folder: Path, rtml_cli: Any) -> None:
    out = folder / "frame.jsonl"
    labels = ["--label", "eventType=commerce.purchases", "--label", '{"sum": "commerce.order.priceTotal"}', "--within", "7d"]
    named = ["--label-name", "buys", "--label-name", "pays"]
    each = ["--each", "eventType=commerce.productViews", "--clock", "timestamp"]
    done = run(rtml_cli, folder, *each, *labels, *named, "--output", str(out), "--json")
    assert done.code == 0, done.err
    told = done.json
    assert (told["rows"], told["open"], told["refused"]) == (3, 1, 0)
    frame = pd.read_json(out, lines=True)
    assert frame["event_id"].tolist() == ["e1", "e3", "e4"]
    assert frame["buys"].tolist() == [True, False, True]
    assert frame["pays"].tolist() == [19.99, 0.0, 0.01]
    assert frame["spent"].tolist() == [0.0, 0.0, 19.99]


def test_data_taken_in_later_needs_the_other_clock(folder: Path, rtml_cli: Any) -> None:
    out = folder / "frame.csv"
    done = run(rtml_cli, folder, "--each", "eventType=commerce.purchases", "--output", str(out))
    assert done.code == 0, done.err
    assert "the events were taken in long after they happened" in done.err
    (folder / "spine.csv").write_text("time,visitor\n2026-01-06,a\n")
    done = run(rtml_cli, folder, "--spine", str(folder / "spine.csv"), "--identity", "ECID=visitor", "--output", str(out))
    assert "no row found anybody" in done.err
    assert pd.read_csv(out)["spent"].tolist() == [0.0]


def test_record_data_with_a_time_of_its_own(folder: Path, rtml_cli: Any) -> None:
    out = folder / "frame.parquet"
    with open_home(folder / "data") as home:
        told = {
            "_id": "r2",
            "identityMap": {"CRMID": [{"id": "7"}]},
            "loyalty": {"tier": "silver", "joinDate": "2026-01-05T12:00:00Z"},
        }
        collect(home, "crm", "shop-profile", [told])
    (folder / "spine.csv").write_text("time,visitor\n2026-01-05T11:00:00Z,a\n2026-01-06,a\n")
    done = run(
        rtml_cli, folder, "--spine", str(folder / "spine.csv"), "--identity", "ECID=visitor", "--clock", "timestamp",
        "--record-time", "loyalty.joinDate", "--output", str(out),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert pd.read_parquet(out)["tier"].tolist() == ["none", "silver"]


# ---- what was served ----------------------------------------------------------------------------------------------------


def test_a_replay_equals_what_was_served(tmp_path: Path) -> None:
    """Events are taken in and a package is asked, in turn; the log of what it saw is the frame that a replay makes."""
    node = reader()
    package = (Receiver(schema={"amount": "float"}) >> node).compile()
    runtime = Runtime.from_bytes(package.data)
    clock = {"now": START}
    log: list[dict[str, Any]] = []
    with open_home(tmp_path) as home:
        home.datasets._clock = lambda: clock["now"]
        home.profiles.aggregates.add(*wanted(node.boundary())[1])
        resources = {"profiles": LocalProfiles(home.profiles)}
        for number in range(60):
            clock["now"] += DAY // 3
            late = (number % 5) * DAY // 2
            visitor = {"ECID": "ab"[number % 2]} if number % 7 else {"ECID": "a", "CRMID": "7"}
            kind, price = ("purchases", number / 7) if number % 3 == 0 else ("productViews", None)
            collect(home, "web", "shop-event", [xdm(number, clock["now"] - late, visitor, kind, price)])
            if number % 4 == 0:
                tier = {"loyalty": {"tier": ["gold", "silver"][number % 8 // 4]}}
                collect(home, "crm", "shop-profile", [{"_id": f"r{number}", "identityMap": {"CRMID": [{"id": "7"}]}, **tier}])
            asked = clock["now"] + 1
            identity = {"ECID": "ab"[number // 2 % 2]}
            (answer,) = runtime.score_request({"amount": float(number), "identity": identity}, resources, now=asked)
            log.append({"time": format_timestamp(asked), "identityMap": identity, **answer})
    served = pd.DataFrame(log)
    with History(tmp_path) as history:
        spine = served[["time", "identityMap", "amount"]]
        replayed = training_frame(history.records(), spine, node, like=history.profiles).frame
    assert served["spent"].nunique() > 10
    for name in NAMES:
        assert replayed[name].astype(object).where(replayed[name].notna(), None).tolist() == [row[name] for row in log]


def predictions() -> list[Prediction]:
    rows = [("q1", 3, "a", 1.5, "none"), ("q2", 8, "a", 2.5, "gold"), ("q3", 10, "b", 3.5, None), ("q4", 19, "b", 0.5, "none")]
    return [
        Prediction(
            id=id, at=START + day * DAY, service="churn", version=1, identity={"ECID": [{"id": who}]},
            values={"amount": amount, "tier": tier}, outputs={"propensity": amount / 10},
        )
        for id, day, who, amount, tier in rows
    ]  # fmt: skip


def keep(home: DataHome, made: list[Prediction]) -> None:
    """As the hub keeps them."""
    from rtml_plugins.hub.persons import document
    from rtml_plugins.hub.predicted import Kept

    home.datasets.create(f"{PREDICTIONS}churn", "https://rtml.example/xdm/classes/event", "event", profile=False)
    rows = [
        Incoming(
            msgspec.json.encode(document(Kept(id=one.id, prediction=one, edge="e", region="emea"), "digest")), one.id, one.at, ()
        )
        for one in made
    ]
    home.datasets.append(f"{PREDICTIONS}churn", rows)


def test_the_log_of_predictions_with_labels(folder: Path, rtml_cli: Any) -> None:
    with open_home(folder / "data") as home:
        keep(home, predictions())
    out = folder / "frame.parquet"
    done = run(
        rtml_cli, folder, "--from-predictions", "churn", "--label", "eventType=commerce.purchases", "--within", "2d",
        "--output", str(out),
    )  # fmt: skip
    assert done.code == 0, done.err
    frame = pd.read_parquet(out)
    assert frame["prediction_id"].tolist() == ["q1", "q2", "q3"]
    assert frame["label"].tolist() == [False, True, False]
    assert frame["tier"].tolist()[:2] == ["none", "gold"]
    assert frame["predicted.propensity"].tolist() == [0.15, 0.25, 0.35]
    assert "1 row left out that are not 2d old when the events end" in done.out


def test_the_log_of_predictions_joined_by_id(folder: Path, rtml_cli: Any) -> None:
    with open_home(folder / "data") as home:
        keep(home, predictions())
    (folder / "labels.csv").write_text("request,label\nq1,0\nq3,1\nelsewhere,1\n")
    out = folder / "frame.csv"
    done = run(
        rtml_cli, folder, "--from-predictions", "churn", "--labels", str(folder / "labels.csv"), "--on", "request",
        "--output", str(out),
    )  # fmt: skip
    assert done.code == 0, done.err
    frame = pd.read_csv(out)
    assert frame[["prediction_id", "label"]].to_numpy().tolist() == [["q1", 0], ["q3", 1]]


# ---- wrong input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output", "f.parquet"], "exactly one of --spine, --each and --from-predictions"),
        (["--output", "f.parquet", "--each", "a=b", "--spine", "s.csv"], "got --spine and --each"),
        (["--output", "f.xlsx", "--each", "a=b"], "ends in .parquet, .csv or .jsonl"),
        (["--output", "nowhere/f.csv", "--each", "a=b"], "is no directory"),
        (["--output", "f.csv", "--each", "eventType"], "--each must be PATH=VALUE"),
        (["--output", "f.csv", "--each", "eventType=nothing"], "no event of the datasets has that value"),
        (["--output", "f.csv", "--each", "a=b", "--label", "a=b"], "--label needs --within"),
        (["--output", "f.csv", "--each", "a=b", "--label", "{x", "--within", "1d"], "nor the JSON of an aggregate"),
        (["--output", "f.csv", "--each", "a=b", "--labels", "l.csv"], "it goes with --from-predictions"),
        (["--output", "f.csv", "--each", "a=b", "--record-time", "x"], "--record-time goes with --clock timestamp"),
        (["--output", "f.csv", "--spine", "nowhere.csv"], "nowhere.csv"),
        (["--output", "f.csv", "--each", "a=b", "--dataset", "wep"], "Did you mean 'web'?"),
        (["--output", "f.csv", "--each", "eventType=commerce.purchases", "--until", "soon"], "--until must be an ISO timestamp"),
        (["--output", "f.csv", "--from-predictions", "churn"], "no predictions of service 'churn' are kept here"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_input(folder: Path, rtml_cli: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str) -> None:
    monkeypatch.chdir(folder)
    done = run(rtml_cli, folder, *options)
    assert done.code == 2
    assert said in done.error
    assert not [*folder.glob("f.*")]
    assert not [*folder.glob(".f*")]


def test_wrong_folders_and_graphs(folder: Path, rtml_cli: Any) -> None:
    common = ["profile", "training-frame", "--each", "a=b", "--output", str(folder / "f.csv")]
    empty = rtml_cli(*common, "--home", str(folder / "none"), "--graph", "graph.json")
    assert (empty.code, "holds no datasets" in empty.error) == (2, True)
    (folder / "bad.json").write_text("{")
    each = ["profile", "training-frame", "--each", "eventType=commerce.purchases", "--output", str(folder / "f.csv")]
    for path, said in (("bad.json", "is no JSON of a graph"), ("none.json", "none.json can't be read")):
        done = rtml_cli(*each, "--home", str(folder / "data"), "--graph", str(folder / path))
        assert done.code == 2
        assert said in done.error
