"""Redis keeps what every store promises, also when its server is killed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from rtml_plugins.profile.conformance import LastingStoreConformance, Place

_NUMBERS = itertools.count()


class TestRedisStore(LastingStoreConformance):
    @pytest.fixture
    def place(self, server: Any) -> Iterator[Place]:
        prefix = f"t{next(_NUMBERS)}:"
        yield Place(f"{server.url}?prefix={prefix}", restart=server.restart)
        with server.client() as client:
            names = list(client.scan_iter(match=f"{prefix}*", count=5000))
            for first in range(0, len(names), 5000):
                client.unlink(*names[first : first + 5000])
