"""The example of the README trains, compiles and scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rtml_core.testing import frame

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_becomes_a_package() -> None:
    (code,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    train = frame(age="float?", brand="string?", quote="float", rows=200)
    train["bought"] = (train["quote"] > train["quote"].median()).astype(int)
    names["graph"].fit(train)
    compiled = names["graph"].compile(train)
    assert compiled.manifest.portable
    assert 0.0 <= compiled.score({"age": 31.0, "brand": "VW", "quote": 12.5})["p"] <= 1.0
