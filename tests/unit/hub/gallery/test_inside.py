"""What stands in a package is on the pages of those who may have the package, and on no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from rtml_core import operators as op
from rtml_core.display.parameters import leaves
from rtml_plugins.hub.gallery.steps import graph_of
from tests.unit.hub.gallery import site, walk
from tests.unit.hub.gallery.site import Site, Visitor, tree, words

PLACE = "/gallery/services/secretive"
#: parameters: a text, numbers, what stands in the source of a function
PARAMETERS = ("hushed words", "hushed text", "7351.0625", "7351.125", "hushed code", "0.8125")
#: names of what a model has learned
LEARNED = ("coef_", "intercept_")
#: what the training data of two versions differ in
DATA = ("half of the values were below", "were missing,")


def package(number: float, text: str, rows: int = 200) -> bytes:
    """A package with secrets in its parameters, in a function, and in a model."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"age": random.uniform(18, 90, rows) * (number - 7351) * 20, "city": random.choice(["Bonn", "Ulm"], rows)}
    ).astype({"city": "str"})
    frame["left"] = (frame["age"] > frame["age"].median()).astype("int64")
    if number > 7351.1:
        frame.loc[::3, "age"] = np.nan
    graph = (
        op.Receiver(schema={"age": "float?", "city": "string?"})
        >> op.Pandas(import_="fillna", cols="city", kwargs={"value": text}, inplace=True)
        >> op.Pandas(import_="fillna", cols="age", kwargs={"value": number}, inplace=True)
        >> op.Pandas(import_="map", cols="city", kwargs={"func": lambda v: 0.8125 if v == "hushed code" else 2.0}, into="home")
        >> op.ScikitLearn(
            model=LogisticRegression(max_iter=501),
            features=["age", "home"],
            label="left",
            outputs={"propensity": "probability[1]"},
        )
    )
    graph.outputs = {"propensity": "propensity"}
    graph.fit(frame)
    return graph.compile(sample=frame.drop(columns="left")).data


@pytest.fixture(scope="module")
def secretive(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with keys and a service whose two versions differ in all that is secret. No test here changes anything."""
    with site.site(site.copied(filled, tmp_path_factory.mktemp("secretive"))) as running:
        for number, text in ((7351.0625, "hushed words"), (7351.125, "hushed text")):
            running.hub.publish("secretive", package(number, text), actor="ada", regions=["na"])
        site.with_keys(running)
        of_another = running.keys.create("elsewhere", ["predict"], services=["secretive"])
        running.secrets = {**running.secrets, "elsewhere": of_another.secret}
        yield running


def looked_at(at: Site, visitor: Visitor) -> str:
    """Every page that there is of the service, with each node of each version, whole and as a part, as one text."""
    texts = [answer.text for answer in walk.walk(visitor, name="secretive").values()]
    for version in at.hub.get("secretive").versions:
        for node in graph_of(at.app.state.context, version.package).steps:
            query = {"version": str(version.version), "node": node}
            texts.append(visitor.get(f"{PLACE}/graph", params=query).text)
            texts.append(visitor.get(f"{PLACE}/graph/node", params=query, headers={"HX-Request": "true"}).text)
    for left, right in ((1, 2), (2, 1)):
        texts.append(visitor.get(f"{PLACE}/versions?left={left}&right={right}").text)
    return "\n".join(texts)


def figures(at: Site) -> list[str]:
    """What the models have learned, the figures that nothing else is, to four digits."""
    found: list[str] = []
    for version in at.hub.get("secretive").versions:
        for step in graph_of(at.app.state.context, version.package).steps.values():
            for _, value in leaves(step.learned):
                found += [f"{one:.9g}"[:8] for one in _numbers(value) if abs(one) < 1e3 and len(f"{one:.9g}") > 7]
    return found


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)


@pytest.mark.parametrize("name", ["viewer", "elsewhere"])
def test_a_key_that_may_not_have_the_package_reads_nothing_of_it(secretive: Site, name: str) -> None:
    seen = looked_at(secretive, secretive.visitor(name))
    for secret in (*PARAMETERS, *LEARNED, *DATA, *figures(secretive)):
        assert secret not in seen, secret
    for there in ("Pandas fillna", "ScikitLearn", "propensity", "ONNX node", "home"):
        assert there in seen


@pytest.mark.parametrize("name", ["publisher", "admin"])
def test_a_key_that_may_have_the_package_reads_what_is_in_it(secretive: Site, name: str) -> None:
    seen = looked_at(secretive, secretive.visitor(name))
    learned = figures(secretive)
    assert learned
    for secret in (*PARAMETERS, *LEARNED, *DATA, *learned):
        assert secret in seen, secret


def test_what_is_not_shown_is_said_with_who_sees_it(secretive: Site) -> None:
    viewer = secretive.visitor("viewer")
    panel = words(tree(viewer.get(f"{PLACE}/graph/node?version=2&node=pandas")))
    assert "what it has learned and which rows it refuses are shown to keys with the scope publish or debug" in panel
    assert "Parameters" not in panel
    assert "1 taken, 1 given" in panel
    compared = words(tree(viewer.get(f"{PLACE}/versions?left=1&right=2")))
    assert "1 parameter is not as before" in compared
    assert "learned anew" in compared
    assert "Which parameters, from what to what, is told to keys with the scope publish or debug." in compared
    assert "How their values lie is told to keys with the scope publish or debug" in compared


def test_the_scope_is_needed_for_this_service(secretive: Site) -> None:
    both = secretive.keys.create("both", ["predict"])
    other = secretive.keys.create("other", ["debug"], services=["churn"])
    for secret, status in ((both.secret, 200), (other.secret, 403)):
        visitor = secretive.visitor()
        visitor.sign_in(secret)
        answer = visitor.get(f"{PLACE}/graph/node?version=2&node=pandas")
        assert answer.status_code == status
        assert "hushed" not in answer.text
