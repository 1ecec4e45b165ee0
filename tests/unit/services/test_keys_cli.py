"""`rtml keys` in the folder of a hub; over HTTP it is tested with a real hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtml_core.testing import Cli


def test_the_first_key_of_a_hub(rtml_cli: Cli, tmp_path: Path) -> None:
    made = rtml_cli("keys", "create", "--home", "hub", "--scope", "admin", "--name", "me")
    assert made.code == 0
    secret = made.out.strip()
    identity = secret.split("_")[1]
    assert secret.startswith("rtml_")
    assert f"Made the key 'me', id {identity}, scopes admin: this is the only time its secret is shown" in made.err
    assert "It is the first: from now on the hub asks everybody for a key" in made.err
    listed = rtml_cli("keys", "list", "--home", "hub")
    assert listed.out.splitlines()[0].split() == [
        *("id", "name", "scopes", "services", "rate", "state", "expires", "secret", "made", "by")
    ]
    assert [*listed.out.splitlines()[1].split()][:3] == [identity, "me", "admin"]
    assert secret not in listed.out
    assert (tmp_path / "hub" / "hub.db").is_file()


def test_a_limited_key_in_a_file(rtml_cli: Cli, tmp_path: Path) -> None:
    options = (
        "--scope",
        "predict",
        "--scope",
        "debug",
        "--service",
        "churn",
        "--expires",
        "90d",
        "--rate",
        "5",
        "-o",
        "shop.key",
    )
    made = rtml_cli("keys", "create", "--home", "hub", "--name", "shop", *options)
    assert (made.code, made.out) == (0, "")
    assert "its secret is in shop.key" in made.err
    assert (tmp_path / "shop.key").stat().st_mode & 0o777 == 0o600
    secret = (tmp_path / "shop.key").read_text().strip()
    (key,) = rtml_cli("keys", "list", "--home", "hub", "--json").json
    assert (key["scopes"], key["services"], key["rate"]) == (["predict", "debug"], ["churn"], 5)
    assert key["last_four"] == secret[-4:]
    again = rtml_cli("keys", "create", "--home", "hub", "--name", "other", "--scope", "predict", "-o", "shop.key")
    assert again.error == "shop.key exists; a secret is written to a new file: name another"
    assert len(rtml_cli("keys", "list", "--home", "hub", "--json").json) == 1


def test_a_key_of_edges_for_regions(rtml_cli: Cli) -> None:
    regions = ("--region", "na", "--region", "emea")
    made = rtml_cli("keys", "create", "--home", "hub", "--name", "west", "--scope", "edge", *regions)
    assert "scopes edge for region emea, region na: " in made.err
    assert rtml_cli("keys", "list", "--home", "hub", "--json").json[0]["regions"] == ["emea", "na"]
    assert "region emea, region na" in rtml_cli("keys", "list", "--home", "hub").out
    refused = rtml_cli("keys", "create", "--home", "hub", "--name", "x", "--scope", "admin", *regions)
    assert "only keys of scope edge can be limited to regions" in refused.error


def test_a_key_that_is_refused_leaves_no_file(rtml_cli: Cli, tmp_path: Path) -> None:
    refused = rtml_cli("keys", "create", "--home", "hub", "--name", "x", "--scope", "predict", "--expires", "soon", "-o", "x.key")
    assert (refused.code, (tmp_path / "x.key").exists()) == (2, False)
    assert "'soon' is no time at which a key ends" in refused.error


def test_rotating_and_revoking(rtml_cli: Cli) -> None:
    made = rtml_cli("keys", "create", "--home", "hub", "--name", "me", "--scope", "admin", "--json").json
    new = rtml_cli("keys", "rotate", made["key"]["id"], "--home", "hub", "--overlap", "0", "--json").json
    assert new["secret"] != made["secret"]
    last = rtml_cli("keys", "revoke", new["key"]["id"], "--home", "hub")
    assert last.code == 2
    assert "is the last valid key with the scope admin" in last.error
    assert rtml_cli("keys", "revoke", new["key"]["id"], "--home", "hub", "--force").out == f"Revoked {new['key']['id']}\n"
    assert rtml_cli("keys", "list", "--home", "hub").out == "There is no valid key; 2 ended: --all shows them\n"
    states = [key["revoked"] is not None for key in rtml_cli("keys", "list", "--home", "hub", "--all", "--json").json]
    assert sorted(states) == [False, True]
    assert "expired" in rtml_cli("keys", "list", "--home", "hub", "--all").out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("list", "--home", "nowhere"), "nowhere is not the home of a hub"),
        (("list", "--home", "hub", "--hub", "http://x"), "--home and --hub exclude one another"),
        (("list", "--home", "hub", "--database", "x.db"), "--home and --database exclude one another"),
        (("revoke", "abc", "--database", "x.db"), "there is no key with the id 'abc'"),
        (("rotate", "abc", "--overlap", "long", "--database", "x.db"), "'long' is no span of time"),
        (("create", "--name", "x", "--scope", "root"), "'root' is not one of"),
        (("create", "--home", "hub", "--name", "x", "--scope", "admin", "--service", "y"), "can't be limited to services"),
        (("create", "--database", "mysql://x/y", "--name", "x", "--scope", "admin"), "a hub keeps its database in"),
    ],
)
def test_what_can_not_be(rtml_cli: Cli, words: tuple[str, ...], sentence: str) -> None:
    result = rtml_cli("keys", *words)
    assert result.code == 2
    assert sentence in result.error


@pytest.mark.parametrize("command", ["create", "list", "revoke", "rotate"])
def test_every_command_has_an_example(rtml_cli: Cli, command: str) -> None:
    shown = rtml_cli("keys", command, "--help").out
    assert "Example:" in shown
    assert f"rtml keys {command}" in shown.partition("Example:")[2]
