"""The generated plugins are what the table says: installed, whole, and one of them broken where one should be."""

from pathlib import Path

from tests.benchmarks.discovery import generate
from tests.unit.core.cli.helpers import child


def test_generated_plugins_bring_what_the_table_says(tmp_path: Path) -> None:
    generate(tmp_path, count=4, broken=2)
    result = child("plugins", "list", "--json", path=tmp_path)
    listed = {info["name"]: info for info in result.json if info["name"].startswith("made")}
    assert {name: info["state"] for name, info in listed.items()} == {
        "made0": "ok",
        "made1": "ok",
        "made2": "broken",
        "made3": "ok",
    }
    made = listed["made3"]
    assert (made["distribution"], made["version"]) == ("rtml-made-003", "1.3.0")
    assert made["operators"] == ["Scale3", "Between3"]
    assert made["commands"] == ["made-3"]
    assert made["custom_ops"] == ["made3:mark 1"]
    assert "No module named 'rtml_made_without_this_package'" in listed["made2"]["error"]
