"""Requests with an identity and an event, read by the sources of a plugin: what is scored, what is refused, who may read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Iterator, Sequence
from inspect import CORO_CLOSED, getcoroutinestate, isawaitable
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import DataMsg, Graph, Operator, Params, Runtime, doc, hookimpl
from rtml_core import operators as op
from rtml_core.boundary import Parts
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import CompileError, ExecutionError, InputError, JsonError, PackageError
from rtml_core.runtime.boundary import Read
from rtml_core.testing import isolated_plugins

MODULE = "boundary_under_test"
_TEXT = st.characters(exclude_characters="\0\ufdd0", exclude_categories=["Cs"])


class Keys(Operator):
    """Fields out of the keys of the event, or of the identity."""

    role = "source"

    class Params(Params):
        fields: Annotated[dict[str, Any], doc("fields, as Receiver has them")]
        part: str = "event"

    def source_fields(self) -> tuple[Field, ...]:
        return parse_signature(self.params.fields)

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        return op.Receiver(schema=self.params.fields).process(message)  # type: ignore[no-any-return]

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        return dict(columns)

    def boundary(self) -> dict[str, Any]:
        return {"part": self.params.part}


class Boxed(Operator):
    """Puts what is answered into a box."""

    role = "sink"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        return dict(columns)

    def boundary(self) -> dict[str, Any]:
        return {"box": "in"}


class KeysOfRequest:
    def __init__(self, entry: Any, fields: Sequence[Any], resources: Any):
        assert [field.name for field in fields] == list(entry.names)
        self.names, self.part, self.known = entry.names, entry.plan["part"], resources.get("known", {})

    def values(self, parts: Parts, now: int) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        found = msgspec.json.decode(getattr(parts, self.part) or b"{}")
        if found.get("wait"):
            return self.later(found)
        if found.get("break"):
            raise RuntimeError("a source that fails")
        if found.get("refuse"):
            raise InputError([_problem(parts.at)])
        found = {**self.known, "now": now, **found}
        return [found.get(name) for name in self.names]

    async def later(self, found: dict[str, Any]) -> Sequence[Any]:
        await asyncio.sleep(0)
        if found["wait"] == "refuse":
            raise InputError([_problem("")])
        return [found.get(name) for name in self.names]


def _problem(at: str) -> Any:
    from rtml_core.errors import InputProblem

    return InputProblem(f"{at}/event/refuse", "nothing of the kind", "true")


class Box:
    def __init__(self, entry: Any, fields: Sequence[Any], resources: Any):
        self.name = entry.plan["box"]
        assert entry.names

    def shape(self, outputs: dict[str, Any]) -> Any:
        return {self.name: outputs}


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    return [Keys, Boxed]


@hookimpl
def rtml_boundaries() -> dict[str, str]:
    return {"Keys": f"{MODULE}:keys", "Boxed": f"{MODULE}:box"}


@pytest.fixture(scope="module", autouse=True)
def installed() -> Iterator[None]:
    module = ModuleType(MODULE)
    module.keys, module.box = KeysOfRequest, Box  # type: ignore[attr-defined]
    sys.modules[MODULE] = module
    with isolated_plugins(SimpleNamespace(rtml_operators=rtml_operators, rtml_boundaries=rtml_boundaries)):
        yield
    del sys.modules[MODULE]


ROWS = pd.DataFrame(
    {
        "x": [1.0, 2.5, -3.0],
        "who": pd.Series(["a", None, "b"], dtype="str"),
        "price": [1.5, np.nan, 3.0],
        "when": pd.to_datetime(["2026-11-21T10:15:00", "2026-01-01T00:00:00", "1999-12-31T00:00:00"]),
        "tier": pd.Series(["gold", None, "none"], dtype="str"),
    }
)


def graph() -> Graph:
    made = (
        op.Receiver(schema={"x": "float", "who": {"type": "string?", "default": "nobody"}})
        >> op.Pandas(import_="mul", cols="x", kwargs={"other": 2.0}, into="twice")
        >> Keys(fields={"price": "float?", "when": "timestamp?"})
        >> Keys(fields={"tier": "string?"}, part="identity")
        >> op.Pandas(import_="add", cols="price", kwargs={"other": {"column": "twice"}}, into="sum")
    )
    made.outputs = {"sum": "sum", "tier": "tier", "who": "who", "when": "when"}
    return made


@pytest.fixture(scope="module")
def runtime(installed: None) -> Runtime:
    return Runtime.from_bytes(graph().compile(sample=ROWS).data, trust="all")


def test_parts_are_read_into_the_row_that_a_plain_request_holds(runtime: Runtime) -> None:
    plain = {"x": 1, "who": "z", "price": 2.25, "when": "2026-11-21T10:15:00Z", "tier": "gold"}
    parted = {
        "x": 1,
        "who": "z",
        "event": {"price": 2.25, "when": "2026-11-21T11:15:00+01:00", "more": [1]},
        "identity": {"tier": "gold"},
    }
    assert runtime.score_request(parted) == runtime.score_request(plain)
    assert runtime.score_request(parted) == [{"sum": 4.25, "tier": "gold", "who": "z", "when": "2026-11-21T10:15:00Z"}]
    assert runtime.score_request({"x": 1, "event": {}}) == [{"sum": None, "tier": None, "who": "nobody", "when": None}]


def test_several_rows(runtime: Runtime) -> None:
    rows = [{"x": 1, "event": {"price": 1}}, {"x": 2, "who": None, "identity": {"tier": "t"}}]
    answers = runtime.score_request({"rows": rows})
    assert [answer["sum"] for answer in answers] == [3.0, None]
    assert [answer["tier"] for answer in answers] == [None, "t"]
    read = runtime.requests().decode(msgspec.json.encode({"rows": rows}))
    assert isinstance(read, Read)
    assert [part.event for part in read.parts] == [b'{"price":1}', None]
    assert [part.at for part in read.parts] == ["/0", "/1"]


def test_what_is_waited_for(runtime: Runtime) -> None:
    requests = runtime.requests()
    one = requests.decode(b'{"x": 1, "event": {"wait": true, "price": 4}, "identity": {"tier": "t"}}')
    assert isawaitable(one)
    both = requests.decode(b'{"rows": [{"x": 1, "event": {}}, {"x": 2, "event": {"wait": true, "price": 4}}]}')
    assert isawaitable(both)

    async def wait() -> list[Any]:
        return [await one, await both]

    first, second = asyncio.run(wait())
    assert msgspec.json.decode(runtime.json.score(first.rows))[0]["sum"] == 6.0
    assert [answer["sum"] for answer in msgspec.json.decode(runtime.json.score(second.rows))] == [None, 8.0]
    with pytest.raises(PackageError, match="waits for something outside of this process"):
        runtime.score_request({"x": 1, "event": {"wait": True}})
    refused = requests.decode(b'{"rows": [{"x": 1, "event": {"wait": "refuse"}}, {"x": 2, "event": {"wait": true}}]}')
    assert isawaitable(refused)
    with pytest.raises(InputError, match="/event/refuse: expected nothing of the kind"):
        asyncio.run(_awaited(refused))


def test_what_waits_is_let_go_of_when_a_request_fails(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Any] = []
    later = KeysOfRequest.later

    def kept(self: Any, found: Any) -> Any:
        waiting.append(later(self, found))
        return waiting[-1]

    monkeypatch.setattr(KeysOfRequest, "later", kept)
    requests = runtime.requests()
    for body in (
        b'{"rows": [{"x": 1, "event": {"wait": true}}, {"x": 1, "event": {"break": true}}]}',
        b'{"x": 1, "event": {"wait": true}, "identity": {"break": true}}',
    ):
        with pytest.raises(RuntimeError, match="a source that fails"):
            requests.decode(body)
    assert [getcoroutinestate(one) for one in waiting] == [CORO_CLOSED] * 2


async def _awaited(what: Awaitable[Any]) -> Any:
    return await what


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"x": "1", "event": {}}, "/x: expected a finite number, got string '1'"),
        ({"event": {}}, "/x: expected a finite number, got nothing: the field is missing"),
        ({"x": 1, "event": {"price": "3"}}, "/price: expected a finite number or null, got string '3'"),
        ({"x": 1, "event": {"when": "soon"}}, "/when: expected an ISO 8601 timestamp"),
        ({"x": 1, "event": {}, "tier": "a"}, "/tier: expected no value: Keys fills this field from the rest of the request"),
        ({"x": 1, "event": {}, "y": 2}, "/y: expected no such field"),
        ({"x": 1, "event": {"refuse": True}}, "/event/refuse: expected nothing of the kind"),
        ({"x": 1, "identity": {"tier": "\0"}}, "/tier: expected a string"),
        ({"x": 1, "identity": {"tier": "\ufdd0"}}, "/tier: expected a string"),
        (
            {"rows": [{"x": 1, "event": {"refuse": True}}, {"x": None, "event": {}}]},
            "/0/event/refuse: .*; /1/x: expected",
        ),
        ({"rows": [{"x": 1, "event": {}}], "more": 1}, '/more: expected nothing beside "rows"'),
        ({"rows": [{"x": 1, "event": {}}, 3]}, "/1: expected an object, got 3"),
        (b'{"x": 1, "event": {}, "event": {}}', "/event: expected each name once"),
        (b'["event"]', "expected a row"),
    ],
)
def test_what_does_not_fit_is_named(runtime: Runtime, body: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        runtime.score_request(body)


@pytest.mark.parametrize(
    "body", [b'{"event": {}', b'{"x": 1, "event": nul}', b'{"event": "\xff"}', b'{"event": ' + b"[" * 100_000]
)
def test_what_is_no_json_is_said(runtime: Runtime, body: bytes) -> None:
    with pytest.raises(JsonError, match="expected JSON"):
        runtime.score_request(body)


def test_a_plain_request_stays_one_whatever_its_texts_say(runtime: Runtime) -> None:
    plain = {"x": 1, "who": "event", "price": None, "when": None, "tier": "identity"}
    assert runtime.score_request(plain)[0]["tier"] == "identity"
    assert runtime.score_request({"rows": [plain, plain]})[1]["who"] == "event"
    assert runtime.score_request({"columns": {name: [value] for name, value in plain.items()}})[0]["tier"] == "identity"


@given(st.floats(-1e6, 1e6), st.none() | st.floats(-1e6, 1e6), st.none() | st.text(_TEXT))
def test_parted_and_plain_answer_alike(runtime: Runtime, x: float, price: float | None, tier: str | None) -> None:
    plain = {"x": x, "who": None, "price": price, "when": None, "tier": tier}
    parted = {"x": x, "who": None, "event": {"price": price}, "identity": {"tier": tier}}
    assert runtime.score_request(parted) == runtime.score_request(plain)


def test_a_half_character_in_a_request_is_refused_in_words(runtime: Runtime) -> None:
    plain = {"x": 1, "who": "\ud800", "price": None, "when": None, "tier": None}
    with pytest.raises(InputError, match="/who: expected a string of Unicode text"):
        runtime.score_request(plain)


def test_authored_and_compiled_agree_with_a_source_behind_other_nodes(runtime: Runtime) -> None:
    assert runtime.manifest.parity.rows > len(ROWS)
    authored = graph().run(ROWS)
    answers = runtime.score(
        [{**row, "when": row["when"].isoformat()} for row in ROWS.astype(object).where(ROWS.notna(), None).to_dict("records")]
    )
    assert [answer["sum"] for answer in answers] == [None if np.isnan(value) else value for value in authored["sum"]]
    entries = [(entry.operator, entry.role, entry.names) for entry in runtime.manifest.boundary]
    assert entries == [("Keys", "source", ("price", "when")), ("Keys", "source", ("tier",))]


def test_a_sink_shapes_what_is_answered_and_nothing_else(installed: None) -> None:
    made = op.Receiver(schema={"x": "float"}) >> Boxed()
    package = made.compile(sample=ROWS[["x"]])
    runtime = Runtime.from_bytes(package.data, trust="all")
    assert runtime.score_request({"rows": [{"x": 1}, {"x": 2}]}) == [{"in": {"x": 1.0}}, {"in": {"x": 2.0}}]
    assert runtime.score({"x": 1}) == {"x": 1.0}


def test_fields_that_clash_are_refused(installed: None) -> None:
    with pytest.raises(CompileError, match="adds the field 'x', which another source has"):
        (op.Receiver(schema={"x": "float"}) >> Keys(fields={"x": "float"})).compile()
    with pytest.raises(CompileError, match="adds the field 'y', and a column of that name reaches it"):
        (
            op.Receiver(schema={"x": "float"}) >> op.Pandas(import_="abs", cols="x", into="y") >> Keys(fields={"y": "float"})
        ).compile()
    with pytest.raises(CompileError, match="a field can't be called 'event'"):
        (op.Receiver(schema={"event": "float"}) >> Keys(fields={"y": "float"})).compile()
    with pytest.raises(ExecutionError, match="columns of that name reach it"):
        (op.Receiver(schema={"x": "float"}) >> op.Pandas(import_="abs", cols="x", into="y") >> Keys(fields={"y": "float"})).run(
            pd.DataFrame({"x": [1.0], "y": [2.0]})
        )


def test_whoever_runs_it_says_whose_sources_may_read(runtime: Runtime) -> None:
    data = graph().compile(sample=ROWS).data
    untrusted = Runtime.from_bytes(data, trust=["somebody-else"])
    assert untrusted.score({"x": 1, "price": 1, "when": None, "tier": None})["sum"] == 3.0  # rows need no plugin
    with pytest.raises(PackageError, match=r"needs Keys of rtml-under-test 0 to read requests .* it is not trusted here"):
        untrusted.requests()
    with isolated_plugins(), pytest.raises(PackageError, match="which is not installed here: pip install rtml-under-test==0"):
        Runtime.from_bytes(data, trust="all").requests()


def test_a_source_that_is_none_is_said(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[MODULE], "keys", lambda *_: 3)
    with pytest.raises(PackageError, match="must give an object with values; got 3"):
        runtime.requests()
    monkeypatch.setattr(sys.modules[MODULE], "keys", lambda *_: 1 / 0)
    with pytest.raises(PackageError, match="Keys at 'keys', of rtml-under-test 0, can't read requests here: ZeroDivisionError"):
        runtime.requests()
    monkeypatch.delattr(sys.modules[MODULE], "keys")
    with pytest.raises(PackageError, match="boundary_under_test:keys can't be imported"):
        runtime.requests()


def test_what_the_runtime_offers_and_when(runtime: Runtime) -> None:
    read = runtime.requests({"known": {"price": 7.0}}).decode(b'{"x": 1, "event": {}}', now=5)
    assert isinstance(read, Read)
    assert msgspec.json.decode(runtime.json.score(read.rows))[0]["sum"] == 9.0
