"""What the README says of URLs is what is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import rtml_redis
from rtml_redis.address import OLDEST

from rtml_plugins.profile.store import open_store

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_scheme_is_in_the_readme() -> None:
    assert set(re.findall(r"^\| `([a-z+]+)://", README, re.MULTILINE)) == set(rtml_redis.rtml_profile_stores())


def test_the_oldest_server_and_the_options_are_as_it_says(server: Any) -> None:
    assert f"Redis {'.'.join(map(str, OLDEST))} or newer" in README
    with open_store(f"{server.url}?prefix=shop:&timeout=2") as store:
        store.set_value("v", b"x", 0)
        with server.client() as client:
            assert client.delete("shop:named") == 1
    assert "prefix=shop:" in README
    assert "timeout=2" in README
