"""The documented notebook of the car insurance: 17 nodes, from a dataset to scores that are those of the training run."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pandas as pd
import pytest

from rtml_plugins.up.embedded import Embedded

from .notebook import EXAMPLES, run
from .scores import Variables, largest, scored, scored_alone

NODES = [
    *("JsonToDataframe", "to_datetime", "dt.hour", "dt.dayofweek", "fillna", "fillna", "fillna", "fillna"),
    *("map", "map", "map", "map", "map", "astype", "cut", "OneHotEncoder", "ONNXNode"),
]
#: rows that are also sent one at a time, the odd ones among them
ALONE = 120
#: what no training row has, and what is missing
ODD: list[dict[str, Any]] = [
    {"carbrand": "Trabant"},
    {"carbrand": "VOLKSWAGEN"},
    {"carbrand": None, "country": None, "city": None, "cartype": None, "age": None},
    {"cartype": "Hovercraft"},
    {"country": "Atlantis", "city": "Poseidonis"},
    {"city": ""},
    {"gender": "x", "leasing": "perhaps"},
    {"gender": None},
    {"leasing": None},
    {"age": 17.0},
    {"age": 19.9},
    {"age": 68.999},
    {"age": 104.0},
    {"pricequote": 1e6},
    {"pricequote": 0.0},
    {"timestamp": "2026-11-22T23:59:59.999+13:00"},
    {"timestamp": "2024-02-29"},
]


@pytest.fixture(scope="module")
def maker() -> dict[str, Any]:
    """The script that makes the dataset."""
    return runpy.run_path(str(EXAMPLES / "car_insurance_data.py"))


@pytest.fixture(scope="module")
def ran(machine: Embedded, maker: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Variables:
    """The notebook, run whole; before it deletes its service, many rows are scored, also by the graph without its flaws."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("RTML_HUB", machine.hub)
        maker["main"]("car-insurance", 1500)

    def more(variables: Variables) -> None:
        asked = variables["asked"] = requests(variables, maker)
        variables["together"] = scored(variables, asked)
        variables["alone"] = scored_alone(variables, asked.tail(ALONE))
        mended = publish_mended(variables)
        variables["mended_together"] = scored(mended, asked)
        variables["mended_alone"] = scored_alone(mended, asked.tail(ALONE))
        variables["mended_training"] = scored(mended, training_rows(variables))
        bare = publish_bare(variables)
        variables["bare_together"] = scored(bare, asked)
        variables["bare_alone"] = scored_alone(bare, asked.tail(len(ODD)))

    folder = tmp_path_factory.mktemp("cars")
    return {**run("car_insurance.ipynb", folder, machine.hub, before="delete_from_edge", then=more), "folder": folder}


def requests(ran: Variables, maker: dict[str, Any]) -> pd.DataFrame:
    """Quotes that the model was not trained on, and odd ones."""
    from rtml_plugins.xdm.frames import to_frame

    names = {"_experienceplatform.identification.ecid": "ecid", **ran["short"]}
    frame = to_frame(maker["records"](500, seed=99)).rename(columns=names)
    frame = frame[frame["pricequote"].notna()][list(ran["sample"].columns)]
    frame["age"] = frame["age"].astype("float64")
    odd = frame.head(len(ODD)).reset_index(drop=True)
    for number, change in enumerate(ODD):
        for name, value in change.items():
            odd.loc[number, name] = value
    return pd.concat([frame, odd], ignore_index=True)


def training_rows(ran: Variables) -> pd.DataFrame:
    """The raw rows of the training run."""
    rows: pd.DataFrame = ran["raw"].loc[ran["df1"].index, list(ran["sample"].columns)].head(600)
    return rows


# ---- pandas, as the notebook trains and as its nodes say, with what was learned kept -------------------------------------------


def common(ran: Variables, asked: pd.DataFrame) -> pd.DataFrame:
    """What both do alike."""
    frame = asked.copy()
    time = pd.to_datetime(frame["timestamp"], utc=True, format="ISO8601")
    frame["hour"], frame["dayofweek"] = time.dt.hour, time.dt.day_of_week
    frame["age"] = frame["age"].fillna(ran["age_median"]).astype(int)
    frame["age_bucket"] = frame["age"].apply(ran["age_bucket"])
    for col in ("carbrand", "country"):
        frame[col] = frame[col].fillna(ran[f"{col}_mode"])
    frame["cartype"] = frame["cartype"].fillna("notgiven").replace({"dataLayerNull": "notgiven"})
    for col in ("gender", "leasing"):
        frame[col] = frame[col].replace({"m": "male", "f": "female", "dataLayerNull": "notgiven"})
    return frame


def as_trained(ran: Variables, asked: pd.DataFrame) -> pd.DataFrame:
    """What the code that trained would make of these rows."""
    frame = common(ran, asked)
    frame["carbrand"] = frame["carbrand"].str.lower().replace({"vw": "volkswagen"})
    frame["country"] = frame["country"].str.lower()
    for col in ("gender", "leasing"):
        frame[col] = frame[col].fillna("notgiven")
    for col, known in ran["top"].items():
        frame[col] = frame[col].apply(lambda x, known=known: x if x in known else "Others")
    return features(ran, frame)


def as_documented(ran: Variables, asked: pd.DataFrame) -> pd.DataFrame:
    """What the 17 nodes make of them: maps know what training has seen, nobody maps cities, nobody fills gender and leasing."""
    frame = common(ran, asked)
    raw = ran["raw"]
    for col in ("carbrand", "cartype", "country"):
        seen = {*raw[col].dropna(), ran.get(f"{col}_mode", "notgiven"), "notgiven" if col == "cartype" else ran["country_mode"]}
        called = frame[col].where(frame[col].isin(seen))
        if col != "cartype":
            called = called.str.lower().replace({"vw": "volkswagen"})
        frame[col] = called.where(called.isin(ran["top"][col]) | called.isna(), "Others")
    return features(ran, frame)


def features(ran: Variables, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of the training frame, whatever values these rows have."""
    dummies = pd.get_dummies(frame[["hour", *ran["cat_cols"], "pricequote"]], columns=ran["cat_cols"])
    return dummies.reindex(columns=ran["trained"].features, fill_value=0).astype("float64")


def publish_bare(ran: Variables) -> Variables:
    """The graph with get_dummies where the notebook has an OneHotEncoder, and no word of what the values are."""
    encoder = ran["nodes"][15].params
    prefix = {col: encoder.prefix.get(col, col) for col in encoder.columns}
    bare = ran["Pandas"](params={"import": "get_dummies", "kwargs": {"columns": encoder.columns, "prefix": prefix}})
    nodes = [*ran["nodes"][:15], bare, ran["nodes"][16]]
    dsl = ran["GraphBuilder"].generate_dsl(nodes=nodes, edges=[(nodes[i], nodes[i + 1]) for i in range(16)])
    location, service = ran["edge_utils"].publish_to_edge(dsl=dsl)
    return {**ran, "edge_location": location, "service_id": service}


def publish_mended(ran: Variables) -> Variables:
    """The graph with four more nodes, and two mappers that go on from one of them: what training does and the 17 do not."""
    pandas, nodes = ran["Pandas"], ran["nodes"]
    others = ["carbrand", "cartype", "country", "city"]

    def mapper(col: str, called: dict[str, str]) -> Any:
        return pandas(params={"import": "map", "kwargs": {"arg": called}, "inplace": True, "cols": col})

    unsaid = pandas(params={"import": "fillna", "kwargs": {"value": "notgiven"}, "inplace": True, "cols": ["gender", "leasing"]})
    lower = pandas(params={"import": "str.lower", "inplace": True, "cols": ["carbrand", "country"]})
    carbrand = mapper("carbrand", {**{name: name for name in ran["top"]["carbrand"]}, "vw": "volkswagen"})
    country = mapper("country", {name: name for name in ran["top"]["country"]})
    city = mapper("city", {name: name for name in ran["top"]["city"]})
    rest = pandas(params={"import": "fillna", "kwargs": {"value": "Others"}, "inplace": True, "cols": others})
    nodes = [*nodes[:8], unsaid, lower, carbrand, nodes[9], country, *nodes[11:13], city, rest, *nodes[13:]]
    assert len(nodes) == 17 + 4
    dsl = ran["GraphBuilder"].generate_dsl(nodes=nodes, edges=[(nodes[i], nodes[i + 1]) for i in range(len(nodes) - 1)])
    location, service = ran["edge_utils"].publish_to_edge(dsl=dsl)
    return {**ran, "edge_location": location, "service_id": service}


# ---- what holds ------------------------------------------------------------------------------------------------------------


def test_the_graph_is_that_of_the_documents(ran: Variables) -> None:
    document = json.loads(ran["dsl"])["edge"]["applicationDsl"]
    said = [node["params"].get("import", node["operator"]) for node in document["nodes"]]
    assert said == NODES
    assert document["edges"] == [[number, number + 1] for number in range(16)]


def test_the_dataset_is_read_whole_with_dotted_columns(ran: Variables) -> None:
    assert len(ran["raw"]) == 1500
    assert ran["dataset_reader"].limit(3).read()["_experienceplatform.identification.ecid"].notna().all()


def test_each_score_is_that_of_scikit_learn_on_what_the_nodes_make(ran: Variables) -> None:
    for found, asked in ((ran["together"], ran["asked"]), (ran["alone"], ran["asked"].tail(ALONE))):
        rows = as_documented(ran, asked).to_numpy()
        assert len(rows) >= ALONE
        assert largest(found, ran["trained"].model.predict_proba(rows)) < 1e-5
        assert found["output_label"].tolist() == ran["trained"].model.predict(rows).tolist()


def test_the_documented_nodes_differ_from_training_where_the_documents_say_so(ran: Variables) -> None:
    """Nobody maps cities, nobody fills gender and leasing, and a spelling that training has not seen has no group."""
    asked, raw, top = ran["asked"], ran["raw"], ran["top"]
    flawed = ~asked["city"].isin(top["city"]) | asked["gender"].isna() | asked["leasing"].isna()
    for col in ("carbrand", "cartype", "country"):
        flawed |= asked[col].notna() & ~asked[col].isin(raw[col])
    differs = (as_trained(ran, asked) != as_documented(ran, asked)).any(axis=1)
    assert differs.tolist() == flawed.tolist()
    assert 0.2 < flawed.mean() < 0.7
    expected = ran["trained"].model.predict_proba(as_trained(ran, asked).to_numpy())
    assert largest(ran["together"][~flawed], expected[~flawed.to_numpy()]) < 1e-5
    assert largest(ran["together"][flawed], expected[flawed.to_numpy()]) > 0.01


def test_with_the_missing_nodes_each_score_is_that_of_the_training_code(ran: Variables) -> None:
    for found, asked in ((ran["mended_together"], ran["asked"]), (ran["mended_alone"], ran["asked"].tail(ALONE))):
        expected = ran["trained"].model.predict_proba(as_trained(ran, asked).to_numpy())
        assert largest(found, expected) < 1e-5


def test_the_rows_of_the_training_run_get_the_scores_of_the_training_run(ran: Variables) -> None:
    rows = training_rows(ran)
    trained_on = ran["df_final"].loc[rows.index, ran["trained"].features]
    expected = ran["trained"].model.predict_proba(trained_on.to_numpy(dtype="float64"))
    # x.fillna(x.mode()) fills by index: only a city that is missing in one of the very first rows, where no request can be
    filled = rows["city"].isna() & (ran["df1"].loc[rows.index, "city"] != "Others")
    assert filled.sum() <= 1
    assert largest(ran["mended_training"][~filled], expected[~filled.to_numpy()]) < 1e-5


def test_the_service_is_updated_listed_and_deleted(ran: Variables) -> None:
    assert json.loads(ran["updated_dsl"])["edge"]["applicationDsl"]["nodes"][0]["id"] == ran["new_node_id"]
    assert ran["service_id"] in [one["id"] for one in ran["services"]]
    assert ran["service_id"] not in [one["id"] for one in ran["edge_utils"].list_deployed_services()]
    assert len(ran["scored_output"].scored_output) == 5


# ---- documented pandas ---------------------------------------------------------------------------------------------------------


def test_bare_dummies_have_the_columns_that_the_model_takes(ran: Variables) -> None:
    """get_dummies of one row has one column for each value, and the model takes 49: no other column goes anywhere."""
    expected = ran["trained"].model.predict_proba(as_documented(ran, ran["asked"]).to_numpy())
    assert largest(ran["bare_together"], expected) < 1e-5
    assert largest(ran["bare_alone"], expected[-len(ODD) :]) < 1e-5


def test_documented_pandas_that_pandas_3_has_given_up() -> None:
    """Why the notebook says these lines in another way."""
    frame = pd.DataFrame({"purchase": ["yes", None, "yes"], "age": [1.0, None, 3.0], "city": ["a", None, "a"]}, index=[5, 6, 7])
    with pytest.raises(TypeError):
        frame.loc[frame["purchase"] == "yes", "purchase"] = 1
    with pytest.warns(Warning, match="inplace"):
        frame["age"].fillna(2.0, inplace=True)
    assert frame["age"].isna().sum() == 1
    assert frame["city"].fillna(frame["city"].mode()).isna().sum() == 1
