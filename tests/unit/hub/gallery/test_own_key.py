"""The keys with which the hub asks edges: what they are worth to an edge that gets to see them, and how they end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from rtml_plugins.hub import tables
from rtml_plugins.hub.api.edges import RegionState
from rtml_plugins.hub.errors import Conflict
from rtml_plugins.hub.gallery import asking, own_key
from rtml_plugins.serving.problems import Problem
from tests.unit.hub.gallery.site import Site, Visitor
from tests.unit.hub.gallery.test_try_pages import PAGE, Answer, document, edge, server


def own(at: Site) -> list[Any]:
    """Rows of the hub's own keys."""
    with at.hub.database.read() as connection:
        return list(connection.execute(select(tables.api_keys).where(tables.api_keys.c.edges_only)))


def asked(at: Site) -> own_key.OwnKeys:
    return asking.asker(at.app.state.context).keys


def test_the_hub_asks_with_one_key_for_a_service_and_forgets_ended_ones(locked: Site) -> None:
    secrets = []

    def answer(_: str, headers: dict[str, str], __: bytes) -> Answer:
        secrets.append(headers["Authorization"].removeprefix("Bearer "))
        return 200, document(columns=[[{"node": "n", "operator": "Pandas", "columns": {"told_apart": 1}}]], left_out=[])

    admin, viewer = locked.visitor("admin"), locked.visitor("viewer")
    with server(answer) as url:
        edge(locked, url)
        assert "told_apart" in admin.post(f"{PAGE}/try").text
        assert "told_apart" not in viewer.post(f"{PAGE}/try").text
        assert len(set(secrets)) == 1
        (first,) = own(locked)
        assert (set(msgspec.json.decode(first.scopes)), first.services) == ({"predict", "debug"}, '["churn"]')
        # time goes on
        later = locked.hub.database.clock() + 3400
        locked.hub.database.clock = lambda: later
        edge(locked, url)
        made = Visitor(locked)
        made.sign_in(locked.keys.create("again", ["admin"]).secret)
        made.post(f"{PAGE}/try")
        assert len(own(locked)) == 2
        later += 3500
        edge(locked, url)
        made.post(f"{PAGE}/try")
        assert first.id not in {key.id for key in own(locked)}
    assert len(set(secrets)) == 3
    assert secrets[0] not in locked.client.get("/gallery").text


def test_who_gets_to_see_an_own_key_gets_in_nowhere_with_it(locked: Site) -> None:
    secret = asked(locked).secret("churn")
    assert secret is not None
    with pytest.raises(Problem) as caught:
        locked.keys.authenticate(secret)
    with pytest.raises(Problem) as unknown:
        locked.keys.authenticate("rtml_" + "0" * 12 + "_" + "a" * 52)
    assert (caught.value.status, caught.value.detail) == (401, unknown.value.detail)
    headers = {"Authorization": f"Bearer {secret}"}
    for path in ("/v1/services", "/v1/services/churn/versions/2/package", "/v1/edges"):
        assert locked.client.get(path, headers=headers).status_code == 401
    assert locked.client.post("/v1/gallery/links", headers=headers).status_code == 401
    visitor = Visitor(locked)
    assert visitor.sign_in(secret).status_code == 401
    assert visitor.get(PAGE).status_code == 303


def test_edges_take_own_keys_each_for_its_service(locked: Site) -> None:
    keys = asked(locked)
    secrets = {keys.secret("churn"), keys.secret("churn"), keys.secret("another")}
    assert len(secrets) == 2
    text = locked.client.get("/v1/regions/na/state", headers={"Authorization": f"Bearer {_edge(locked)}"}).content
    ids = {row.id for row in own(locked)}
    told = {entry.id: entry.services for entry in msgspec.json.decode(text, type=RegionState).keys if entry.id in ids}
    assert sorted(told.values()) == [("another",), ("churn",)]
    listed = locked.client.get("/v1/keys", headers={"Authorization": f"Bearer {locked.secrets['admin']}"}).json()["keys"]
    assert not ids & {key["id"] for key in listed}


def _edge(at: Site) -> str:
    return at.keys.create("edges", ["edge"]).secret


def test_keys_of_people_are_never_cleared_away_whatever_they_are_called(locked: Site) -> None:
    """Sessions point to them."""
    team = locked.keys.create("gallery team", ["predict"], actor=own_key.ACTOR)
    locked.visitor().sign_in(team.secret)
    locked.keys.revoke(team.key.id)
    viewer = locked.visitor("viewer")
    with server(lambda *_: (200, document())) as url:
        edge(locked, url)
        assert viewer.post(f"{PAGE}/try").status_code == 200
    assert team.key.id in {key.id for key in locked.keys.list()}


@pytest.mark.parametrize("how", ["revoked", "replaced", "expired", "gone"])
def test_an_own_key_that_was_ended_is_not_used_again(locked: Site, how: str) -> None:
    keys = asked(locked)
    secret = keys.secret("churn")
    assert secret is not None
    assert keys.again("churn", secret) == secret  # an edge does not know it yet
    (row,) = own(locked)
    table = tables.api_keys
    past = "2026-01-01T00:00:00.000Z"
    ended = {"revoked": {"revoked": past}, "replaced": {"replaced_by": "0" * 12}, "expired": {"expires": past}, "gone": {}}[how]
    with locked.hub.database.write("test") as change:
        change.execute(
            table.update().where(table.c.id == row.id).values(**ended) if ended else table.delete().where(table.c.id == row.id)
        )
    assert keys.again("churn", secret) not in (None, secret)


def test_an_own_key_is_revoked_and_not_rotated(locked: Site) -> None:
    """A rotated one would be somebody's, who does not know what for."""
    keys = asked(locked)
    secret = keys.secret("churn")
    assert secret is not None
    (row,) = own(locked)
    with pytest.raises(Conflict, match="is the hub's own, and nobody else's: revoke it"):
        locked.keys.rotate(row.id, overlap=0.0)
    assert locked.keys.revoke(row.id).revoked is not None
    assert keys.again("churn", secret) not in (None, secret)
