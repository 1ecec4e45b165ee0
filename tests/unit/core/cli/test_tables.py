"""Aligned tables and counted words."""

from __future__ import annotations

import pytest

from rtml_core.cli.tables import plural, table


def test_columns_are_aligned_and_lines_have_no_blanks_at_their_end() -> None:
    assert table(("a", "long header"), [("x", ""), ("wide", "y")]) == "a     long header\nx\nwide  y"


def test_the_last_column_folds_into_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "34")
    text = table(("name", "meaning"), [("x", "many words that do not fit here")], {})
    assert text == "name  meaning\nx     many words that do not fit\n      here"


def test_other_columns_fold_when_asked_and_an_empty_cell_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = table(("name", "type", "meaning"), [("x", "one of two", "it"), ("y", "", "")], {1: 6})
    assert text == "name  type    meaning\nx     one of  it\n      two\ny"


def test_a_table_without_rows_is_its_header() -> None:
    assert table(("a", "b"), []) == "a  b"


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (1234, "1,234 rows")])
def test_plural(count: int, text: str) -> None:
    assert plural(count, "row") == text
    assert plural(1, "plugin is", "plugins are") == "1 plugin is"
    assert plural(2, "plugin is", "plugins are") == "2 plugins are"
