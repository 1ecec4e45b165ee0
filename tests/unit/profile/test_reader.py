"""ProfileReader: the same values eagerly, compiled, and from a request; defaults for everything that can be missing."""

from __future__ import annotations

import asyncio
import inspect
import math
from typing import Any

import msgspec
import pandas as pd
import pytest

from rtml_core import Graph, Runtime
from rtml_core.boundary import Parts
from rtml_core.errors import ColumnError, ExecutionError, InputError, ParamError, RtmlError
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.profile.local import LocalProfiles
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.reader import ProfileReader
from rtml_plugins.profile.rows import CellError
from rtml_plugins.profile.training import training_frame
from rtml_plugins.serving.consent import ConsentRefused, ProfileUnknown
from rtml_plugins.serving.projections import Projection
from tests.unit.profile.readers import NOW, SECOND, event, profiles, reader, statement

ANNA = {"ECID": "anna"}
NAMES = ("tier", "age", "views", "spent", "silence", "last_page")
NOBODY = ("none", None, 0, 0.0, None, None)


def anna(node: ProfileReader) -> Profiles:
    return profiles(
        node,
        statement(1, NOW - 9 * SECOND, ANNA, loyalty={"tier": "gold"}, person={"age": 41}),
        event(1, NOW - 8 * SECOND, ANNA, "view", page="home"),
        event(2, NOW - 7 * SECOND, ANNA, "buy", page="cart", order={"price": 0.1}),
        event(3, NOW - 6 * SECOND, {"ECID": "anna", "Email": "a@b.c"}, "buy", order={"price": 0.2}),
        event(4, NOW - 5000 * SECOND, ANNA, "view", taken=NOW - 5 * SECOND),
    )


ANNAS = ("gold", 41, 1, math.fsum([0.1, 0.2]), 6.0, "cart")


def read(node: ProfileReader, known: Any, identity: Any = ANNA, event: Any = None) -> tuple[Any, ...]:
    parts = Parts(msgspec.json.encode(identity) if identity else None, msgspec.json.encode(event) if event else None)
    return tuple(node.source(known).values(parts, NOW))


# ---- reading ------------------------------------------------------------------------------------------------------------


def test_values_of_a_person() -> None:
    node = reader()
    assert read(node, LocalProfiles(anna(node))) == ANNAS


@pytest.mark.parametrize(
    ("identity", "event"),
    [
        ({"ecid": "anna"}, None),
        ({"ECID": ["anna"]}, None),
        ({"ECID": [{"id": "anna", "primary": True}]}, None),
        ({"Email": "a@b.c"}, None),
        ({"CRM": "stranger", "ECID": "anna"}, None),
        (None, {"identityMap": {"ECID": [{"id": "anna", "authenticatedState": "ambiguous"}]}, "x": [1, {"y": None}]}),
        (None, {"identityMap": {"CRM": [{"id": "null"}], "ECID": [{"id": "anna"}]}}),
        (None, {"endUserIDs": {"_experience": {"mcid": {"id": "anna", "namespace": {"code": "ECID"}}}}}),
        ({"ECID": "anna"}, {"identityMap": {"ECID": [{"id": "somebody else"}]}}),
    ],
    ids=str,
)
def test_who_is_meant(identity: Any, event: Any) -> None:
    node = reader()
    assert read(node, LocalProfiles(anna(node)), identity, event) == ANNAS


def test_the_primary_identity_goes_first() -> None:
    asked = []

    class Asked:
        def lookup(self, keys: tuple[str, ...], now: int) -> None:
            asked.append(keys)

    node = reader()
    read(node, Asked(), {"A": "1", "B": [{"id": "2", "primary": True}]})
    read(node, Asked(), None, {"identityMap": {"A": [{"id": "1"}], "B": [{"id": "2", "primary": True}, {"id": "3"}]}})
    assert asked == [("b:2", "a:1"), ("b:2", "a:1", "b:3")]


@pytest.mark.parametrize(
    ("identity", "event", "at", "said"),
    [
        (None, None, "/identity", 'an identity such as {"ECID": "38652"}'),
        (None, {"eventType": "view"}, "/identity", 'an identity such as {"ECID": "38652"}'),
        ({"ECID": "null"}, None, "/identity", "no id"),
        ({"ECID": 7}, None, "/identity", "a string"),
        ([1], None, "/identity", "an identity is an object"),
        ({f"N{i}": "x" for i in range(21)}, None, "/identity", "at most 20 identities"),
        (None, {"identityMap": [1]}, "/event/identityMap", "an identityMap as XDM has it"),
        (None, {"identityMap": {"A": [{"id": f"x{i}"} for i in range(21)]}}, "/event/identityMap", "at most 20 identities"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_requests_that_are_refused(identity: Any, event: Any, at: str, said: str) -> None:
    node = reader()
    with pytest.raises(InputError) as refused:
        read(node, LocalProfiles(anna(node)), identity, event)
    (problem,) = refused.value.problems
    assert problem.at == at
    assert said in str(problem)


def test_a_request_without_identity_may_have_the_defaults() -> None:
    node = reader(anonymous="defaults")
    source = node.source(LocalProfiles(anna(node)))
    assert tuple(source.values(Parts(None, b'{"eventType": "view"}'), NOW)) == NOBODY
    assert source.counts["anonymous"] == 1


def test_who_refused_personalisation_is_not_scored() -> None:
    node = reader()
    known = profiles(node, statement(1, NOW - 1, ANNA, consents={"personalize": {"content": {"val": "n"}}}))
    with pytest.raises(ConsentRefused, match="refused personalisation"):
        read(node, LocalProfiles(known))


NO = {"personalize": {"content": {"val": "n"}}}


@pytest.mark.parametrize(
    ("identity", "event"),
    [
        ({"ECID": "anna", "CRM": "refuses"}, None),
        ({"ECID": "stranger", "Email": "a@b.c", "CRM": "refuses"}, None),
        ({"CRM": [{"id": "refuses"}], "ECID": [{"id": "anna", "primary": True}]}, None),
        (ANNA, {"identityMap": {"CRM": [{"id": "refuses"}]}}),
        (None, {"identityMap": {"ECID": [{"id": "anna", "primary": True}], "CRM": [{"id": "refuses"}]}}),
        (ANNA, {"endUserIDs": {"_experience": {"mcid": {"id": "refuses", "namespace": {"code": "CRM"}}}}}),
    ],
    ids=str,
)
def test_any_identity_of_a_request_may_have_refused(identity: Any, event: Any) -> None:
    node = reader()
    known = anna(node)
    known.apply([statement(9, NOW, {"CRM": "refuses"}, consents=NO)])
    with pytest.raises(ConsentRefused, match="refused personalisation"):
        read(node, LocalProfiles(known), identity, event)
    known.apply([statement(10, NOW + 1, {"CRM": "refuses"}, consents={"personalize": {"content": {"val": "y"}}})])
    assert read(node, LocalProfiles(known), identity, event) == ANNAS


def test_an_identity_that_is_written_with_escapes_may_have_refused() -> None:
    node = reader()
    known = anna(node)
    known.apply([statement(9, NOW, {"CRM": "refuses"}, consents=NO)])
    event = b'{"identity\\u004dap": {"CRM": [{"id": "refuses"}]}}'
    with pytest.raises(ConsentRefused):
        node.source(LocalProfiles(known)).values(Parts(b'{"ECID": "anna"}', event), NOW)


def test_values_are_those_of_the_first_identity_that_is_known() -> None:
    node = reader()
    known = anna(node)
    known.apply([statement(9, NOW, {"CRM": "other"}, loyalty={"tier": "silver"})])
    assert read(node, LocalProfiles(known), {"ECID": "anna", "CRM": "other"}) == ANNAS
    assert read(node, LocalProfiles(known), {"CRM": "other", "ECID": "anna"})[0] == "silver"
    assert read(node, LocalProfiles(known), ANNA, {"identityMap": {"CRM": [{"id": "other"}]}}) == ANNAS
    assert read(node, LocalProfiles(known), {"ECID": "stranger"}, {"identityMap": {"CRM": [{"id": "other"}]}})[0] == "silver"


def test_a_profile_that_is_not_known_in_time_may_be_refused() -> None:
    class Failing:
        def lookup(self, keys: tuple[str, ...], now: int) -> None:
            raise ConnectionError("away")

    class Late:
        async def lookup(self, keys: tuple[str, ...], now: int) -> None:
            await asyncio.sleep(60)

    node = reader(unknown="refuse", timeout_ms=5)
    failing, late = node.source(Failing()), node.source(Late())
    with pytest.raises(ProfileUnknown, match="not known in time"):
        failing.values(Parts(b'{"ECID": "anna"}'), NOW)
    with pytest.raises(ProfileUnknown, match="not known in time"):
        asyncio.run(_awaited(late))
    assert (failing.counts["failed"], late.counts["timeout"]) == (1, 1)
    assert read(node, LocalProfiles(profiles(node))) == NOBODY  # whom nobody knows has refused nothing


@pytest.mark.parametrize("waits", [True, False])
def test_whom_nobody_could_be_asked_about_may_be_refused(waits: bool) -> None:
    class Away:
        def lookup(self, keys: tuple[str, ...], now: int) -> Any:
            refused = Projection(keys[0], found=True, consent=False) if keys == ("ecid:no",) else None
            return self.later(refused) if waits else refused

        async def later(self, found: Projection | None) -> Projection | None:
            return found

        def unsure(self, keys: tuple[str, ...]) -> bool:
            return keys != ("ecid:stranger",)

    def asked(node: ProfileReader, id: bytes) -> tuple[Any, ...]:
        values: Any = node.source(Away()).values(Parts(b'{"ECID": "%s"}' % id), NOW)

        async def settled() -> Any:
            return await values

        return tuple(asyncio.run(settled()) if waits else values)

    assert asked(reader(unknown="refuse"), b"stranger") == NOBODY
    assert asked(reader(), b"anna") == NOBODY
    with pytest.raises(ProfileUnknown):
        asked(reader(unknown="refuse"), b"anna")
    with pytest.raises(ConsentRefused, match="refused personalisation"):
        asked(reader(unknown="refuse"), b"no")


def test_defaults_when_nobody_is_known_or_the_lookup_fails() -> None:
    node = reader()

    class Failing:
        def lookup(self, keys: tuple[str, ...], now: int) -> None:
            raise ConnectionError("away")

    assert read(node, LocalProfiles(profiles(node))) == NOBODY
    source = node.source(Failing())
    assert tuple(source.values(Parts(b'{"ECID": "anna"}'), NOW)) == NOBODY
    assert source.counts["failed"] == 1


def test_an_awaited_profile_and_its_timeout() -> None:
    node = reader(timeout_ms=50)
    known = LocalProfiles(anna(node))

    class Slow:
        def __init__(self, seconds: float):
            self.seconds = seconds

        async def lookup(self, keys: tuple[str, ...], now: int) -> Projection | None:
            await asyncio.sleep(self.seconds)
            return known.lookup(keys, now)

    known.choose(["loyalty.tier", "person.age"], [])
    node.source(known)
    quick, late = node.source(Slow(0)), node.source(Slow(60))
    assert tuple(asyncio.run(_awaited(quick))) == ANNAS
    assert tuple(asyncio.run(_awaited(late))) == NOBODY
    assert (quick.counts["timeout"], late.counts["timeout"]) == (0, 1)


async def _awaited(source: Any) -> Any:
    return await source.values(Parts(b'{"ECID": "anna"}'), NOW)


@pytest.mark.parametrize(
    ("kind", "fits", "does_not"),
    [
        ({"type": "float?"}, [1, 2.5, -0.0, 2**53, 2**63, -(2**70)], ["1", True, 10**400, [1], 2**53 + 1, -(2**63) - 1]),
        ({"type": "float?", "min": 1, "max": 2}, [1, 2.0], [0.9, 3]),
        ({"type": "int?"}, [1, 2**53, 3.0], [2.5, 2**53 + 1, "1", False]),
        ({"type": "int", "default": 0}, [2**63 - 1], [2**63, None]),
        ({"type": "bool?"}, [True, False], [1, "true"]),
        ({"type": "string?"}, ["", "a"], [1, "a\0b", "\ufdd0", {"a": 1}]),
        ({"type": "string?", "categories": ["a"]}, ["a"], ["b"]),
        ({"type": "timestamp?"}, ["2026-01-01", "2026-01-01T10:00:00+02:00"], ["yesterday", 5]),
    ],
    ids=str,
)
def test_what_its_field_cant_hold_is_missing(kind: dict[str, Any], fits: list[Any], does_not: list[Any]) -> None:
    node = ProfileReader(attributes={"x": {"path": "a.x", **kind}})
    missing = kind.get("default")
    for value in [*fits, *does_not]:
        source = node.source(_Fixed({"a.x": value}))
        expected = missing if value in does_not and not any(value is one for one in fits) else value
        assert [*source.values(Parts(b'{"ECID": "a"}'), NOW)] == [expected]
        assert source.counts["unfit"] == (expected is missing and value is not None)


def test_great_whole_numbers_are_the_same_wherever_they_are_read() -> None:
    node = ProfileReader(attributes={"x": {"path": "x", "type": "float?"}})
    numbers = [2**53 + 1, 2**63, 2**63 + 1, 2**64, 10**30, 7]
    told = [statement(at, NOW + at, {"ECID": f"v{at}"}, x=number) for at, number in enumerate(numbers)]
    known = profiles(node, *told)
    source = node.source(LocalProfiles(known))
    served = [source.values(Parts(b'{"ECID": "v%d"}' % at), NOW + 99)[0] for at in range(len(numbers))]
    assert served == [None, 2.0**63, None, 2.0**64, None, 7]
    spine = pd.DataFrame({"time": pd.to_datetime([NOW + 99] * len(numbers), unit="us"), "who": [f"v{at}" for at in range(6)]})
    columns = [
        training_frame(told, spine, node, identity={"ECID": "who"}).frame["x"],
        ProfileReader(identity={"ECID": "who"}, attributes=node.params.attributes).bind(known).transform(spine)["x"],
    ]
    for column in columns:
        assert column.astype(object).where(column.notna(), None).tolist() == served


def test_a_lookup_that_nobody_awaits_is_let_go_of() -> None:
    class Later:
        async def lookup(self, keys: tuple[str, ...], now: int) -> None:
            raise AssertionError("nobody awaits this")

    waiting: Any = reader().source(Later()).values(Parts(b'{"ECID": "anna"}'), NOW)
    inner = waiting._found
    waiting.close()
    assert inspect.getcoroutinestate(inner) == inspect.CORO_CLOSED


class _Fixed:
    def __init__(self, attributes: dict[str, Any]):
        self.attributes = attributes

    def lookup(self, keys: tuple[str, ...], now: int) -> Projection:
        return Projection(keys[0], found=True, attributes=self.attributes)


def test_an_aggregate_that_is_not_kept_yet_is_missing_not_zero() -> None:
    node = ProfileReader(aggregates={"views": {"count": {}, "type": "int?", "default": -1}})
    source = node.source(_Fixed({}))
    assert [*source.values(Parts(b'{"ECID": "a"}'), NOW)] == [-1]
    assert source.counts["unkept"] == 1
    assert read(node, LocalProfiles(profiles(node, statement(1, NOW - 1, ANNA, a=1)))) == (0,)


# ---- in a graph ---------------------------------------------------------------------------------------------------------


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "price": [1.0, 2.0, 3.0],
            "tier": ["gold", None, "none"],
            "age": [41, None, 0],
            "views": [1, 0, 12],
            "spent": [0.30000000000000004, 0.0, 1e9],
            "silence": [6.0, None, 0.0],
            "last_page": ["cart", None, ""],
        }
    )


def test_compiled_it_reads_by_identity_what_a_plain_row_says() -> None:
    node = reader()
    package = (Receiver(schema={"price": "float"}) >> node).compile(sample=frame())
    runtime = Runtime.from_bytes(package.data)
    resources = {"profiles": LocalProfiles(anna(node))}
    asked = runtime.score_request({"price": 2.5, "identity": ANNA}, resources, now=NOW)
    row = {"price": 2.5, **dict(zip(NAMES, ANNAS, strict=True))}
    assert asked == runtime.score_request(row) == [row]
    several = {"rows": [{"price": 1.0, "identity": ANNA}, {"price": 2.0, "identity": {"ECID": "new"}}]}
    assert [one["tier"] for one in runtime.score_request(several, resources, now=NOW)] == ["gold", "none"]
    with pytest.raises(InputError, match="/identity: expected a row with all fields, as there are no profiles here"):
        runtime.score_request({"price": 2.5, "identity": ANNA})


def test_it_may_stand_first() -> None:
    node = reader()
    package = Graph.start(node).compile(sample=frame()[list(NAMES)])
    runtime = Runtime.from_bytes(package.data)
    resources = {"profiles": LocalProfiles(anna(node))}
    assert runtime.score_request({"identity": ANNA}, resources, now=NOW) == [dict(zip(NAMES, ANNAS, strict=True))]


def test_a_training_frame_is_held_to_the_types() -> None:
    made = (Receiver(schema={"price": "float"}) >> reader()).run(frame().assign(label=1))
    assert [*made.columns] == ["price", "label", *NAMES]
    assert str(made["views"].dtype) == "int64"
    with pytest.raises((ExecutionError, InputError), match=r"/0/age|age"):
        reader().process(frame().assign(age=200))
    with pytest.raises(ColumnError, match="Column 'age' does not exist"):
        reader().process(frame().drop(columns="age"))


@pytest.mark.parametrize(
    ("named", "columns"),
    [
        (None, {"identityMap": [{"ECID": [{"id": "anna"}]}, {"ECID": [{"id": "new"}]}]}),
        (None, {"identityMap": ['{"ECID": "anna"}', '{"ECID": "new"}']}),
        ({"Email": "mail", "ECID": "visitor"}, {"mail": ["a@b.c", None], "visitor": [None, 12]}),
    ],
)
def test_bound_it_reads_frames_from_profiles(named: Any, columns: dict[str, Any]) -> None:
    node = reader(identity=named)
    made = node.bind(anna(node)).process(pd.DataFrame({"price": [1.0, 2.0], **columns})).data
    assert made["tier"].tolist() == ["gold", "none"]
    assert made["spent"].tolist() == [ANNAS[3], 0.0]
    assert made["price"].tolist() == [1.0, 2.0]
    assert all(isinstance(cell, str) for cell in made.get("identityMap", []))


def test_frames_that_say_nothing_are_refused() -> None:
    node = reader()
    with pytest.raises(ExecutionError, match="rtml profile training-frame"):
        node.process(pd.DataFrame({"price": [1.0]}))
    with pytest.raises(ExecutionError, match="ProfileReader has no rows"):
        node.process()
    node.bind(anna(node))
    with pytest.raises(ColumnError, match="Column 'identityMap' does not exist"):
        node.process(pd.DataFrame({"price": [1.0]}))
    with pytest.raises(CellError, match="row 0: column 'identityMap' must hold objects"):
        node.process(pd.DataFrame({"identityMap": [3]}))
    with pytest.raises(CellError, match=r"row 1: column 'id' must hold ids"):
        reader(identity={"ECID": "id"}).bind(anna(node)).process(pd.DataFrame({"id": ["a", 1.5]}))


# ---- parameters ---------------------------------------------------------------------------------------------------------


def test_types_of_aggregates() -> None:
    kinds = {"count": {}, "distinct": "x", "sum": "x", "mean": "x", "min": "x", "max": "x", "recency": {}}
    node = ProfileReader(aggregates={kind: {kind: given} for kind, given in kinds.items()})
    assert [field.spec for field in node.fields] == ["int", "int", "float", "float?", "float?", "float?", "float?"]
    bounded = ProfileReader(aggregates={"s": {"sum": "x", "type": "float?", "min": 0}, "m": {"min": "x", "max": 5}})
    assert [(field.minimum, field.maximum, field.optional) for field in bounded.fields] == [(0, None, False), (None, 5, False)]


def test_it_survives_its_document() -> None:
    node = reader(timeout_ms=5, identity={"ECID": "visitor"})
    again = ProfileReader(**node.to_json())
    assert again.boundary() == node.boundary()
    assert again.fields == node.fields


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "'attributes' and 'aggregates' must name at least one field"),
        ({"attributes": {"a": "loyalty.tier"}}, "parameter 'attributes': field 'a': an attribute must be an object"),
        ({"attributes": {"a": {"path": "x"}}}, "parameter 'attributes': field 'a' must be a type"),
        ({"attributes": {"a": {"path": "x", "type": "str"}}}, "one of the types float, int, bool, string, timestamp"),
        ({"attributes": {"a": {"path": "x..y", "type": "string?"}}}, "is no path"),
        ({"attributes": {"a": {"path": "x[0]", "type": "string?"}}}, "keys with dots between them"),
        ({"attributes": {"a": {"path": "x", "type": "string"}}}, "give it a \"default\", or the type 'string?'"),
        ({"attributes": {"a": {"path": "x", "type": "timestamp?", "default": "soon"}}}, "default must be"),
        ({"attributes": {"a": {"path": "x", "type": "int", "default": "1"}}}, "default must be a value"),
        ({"aggregates": {"a": {"cuont": {}}}}, "parameter 'aggregates': field 'a': an aggregate has no 'cuont'"),
        ({"aggregates": {"a": {"last": "x"}}}, "say which the field has"),
        ({"aggregates": {"a": {"count": {}, "type": "int"}}}, 'give it a "default"'),
        ({"aggregates": {"a": 3}}, "must be an object such as"),
        ({"attributes": {"a": {"type": "int?"}}, "aggregates": {"a": {"count": {}}}}, "both have a"),
        ({"aggregates": {"a": {"count": {}}}, "timeout_ms": 0}, "'timeout_ms' must be a number from 0.1"),
        ({"aggregates": {"a": {"count": {}}}, "anonymous": "maybe"}, "'anonymous'"),
        ({"aggregates": {"a": {"count": {}}}, "identity": {}}, "'identity' must name at least one"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamError) as refused:
        ProfileReader(**params)
    assert str(refused.value).startswith("ProfileReader: ")
    assert said in str(refused.value)


def test_only_rtml_errors_of_a_lookup_are_hidden() -> None:
    class Broken:
        def lookup(self, keys: tuple[str, ...], now: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read(reader(), Broken())
    assert issubclass(ConsentRefused, RtmlError)
