"""Sizes as people write them."""

from __future__ import annotations

import click
import pytest

from rtml_plugins.edge.cli import edge
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.hub.cli import hub
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.serving.sizes import Size, shown


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("300000", 300_000),
        ("12 b", 12),
        ("512kB", 512 << 10),
        ("512KiB", 512 << 10),
        ("2MB", 2 << 20),
        ("2 MiB", 2 << 20),
        ("2m", 2 << 20),
        ("1GB", 1 << 30),
        (" 8mb ", 8 << 20),
        (4096, 4096),
    ],
)
def test_a_size_with_and_without_a_unit(text: object, size: int) -> None:
    assert Size(1, 1 << 30, "8MB").convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1.5MB", "2XB", "2 M B", "0", "1023", "2GB", "9" * 30, "1e6", 5])
def test_what_is_none_or_out_of_range_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(click.BadParameter, match=r"is no size: expected 1 kB to 1 GB, e\.g\. 8MB"):
        Size(1024, 1 << 30, "8MB").convert(text, None, None)


def test_a_size_is_shown_in_the_unit_that_fits() -> None:
    assert [shown(size) for size in (1, 1000, 1024, 3 << 20, 1 << 30)] == ["1 byte", "1000 bytes", "1 kB", "3 MB", "1 GB"]


def test_commands_take_sizes_and_have_the_defaults_of_their_settings() -> None:
    assert edge.make_context("edge", ["--region", "na", "--max-body", "2MB"]).params["max_body"] == 2 << 20
    assert edge.make_context("edge", ["--region", "na"]).params["max_body"] == EdgeSettings(home="x", region="na").max_body
    assert hub.make_context("hub", []).params["max_package"] == HubSettings(home="x").max_package
