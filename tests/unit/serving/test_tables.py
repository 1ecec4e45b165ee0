"""Tables of the commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.serving.tables import plural, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["name", "n"], [["churn", "1"], ["a", "12"]]) == "name   n\nchurn  1\na      12"


def test_a_long_cell_is_folded() -> None:
    assert table(["id", "why"], [["1", "one two three"]], folds={1: 8}) == "id  why\n1   one two\n    three"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="every row of a table has 2 cells"):
        table(["a", "b"], [["1"]])


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in table(["name"], [["\x1b[2Jchurn\nnext"]])
    assert len(table(["name"], [["a\nb"]]).splitlines()) == 2


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_there_is_a_line_for_each_row(rows: list[tuple[str, str]]) -> None:
    assert len(table(["a", "b"], rows).split("\n")) == len(rows) + 1


def test_plural() -> None:
    assert [plural(1, "key"), plural(0, "key"), plural(1234, "entry", "entries")] == ["1 key", "0 keys", "1,234 entries"]
