"""The tutorial of a first plugin keeps its promise: few lines are the author's own."""

from pathlib import Path

from tests.docs.blocks import Command, File, blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-plugin.md"


def test_the_author_writes_fewer_than_40_lines() -> None:
    steps = blocks(PAGE)
    written = [line for step in steps if isinstance(step, File) and step.name.endswith(".py") for line in step.text.splitlines()]
    own = [line for line in written if line.strip() and not line.strip().startswith("#")]
    assert 20 < len(own) < 40
    assert [step.name for step in steps if isinstance(step, File)] == [
        "rtml_loyalty/operators.py",
        "tests/test_operators.py",
        "worth.json",
    ]


def test_the_whole_road_is_on_the_page() -> None:
    commands = [step.source for step in blocks(PAGE) if isinstance(step, Command)]
    rtml = [f"rtml {words}" for words in ("plugins new", "operators show", "plugins check", "compile", "score")]
    road = [*rtml, "pip install -e", "pytest"]
    assert [word for word in road if not any(command.startswith(word) for command in commands)] == []
