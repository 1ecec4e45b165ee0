"""The example of the README does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_gives_what_is_written_below_it() -> None:
    (code,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    *lines, call, said = code.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join([*lines, f"answer = {call}"]), names)
    km = re.search(r"'distance_km': ([\d.]+?)\.\.\., 'geohash': '(\w+)', 'zone': '(\w+)'", said)
    assert km is not None
    assert str(names["answer"]["distance_km"]).startswith(km[1])
    assert (names["answer"]["geohash"], names["answer"]["zone"]) == (km[2], km[3])
