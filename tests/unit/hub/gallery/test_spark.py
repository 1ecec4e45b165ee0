"""Lines without axes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.hub.gallery.spark import spark
from tests.unit.hub.gallery.site import tree


def test_what_is_drawn_is_said() -> None:
    picture = tree(spark([0.0, 5.0, 2.5], "Requests")).find("svg")
    assert picture is not None
    assert picture.get("aria-label") == "Requests: 0 to 5, last 2.5"
    path = picture.findall("path")[1]
    assert path.get("d") == "M0.0 27.0 L50.0 2.0 L100.0 14.5"


def test_nothing_is_no_line() -> None:
    assert spark([], "x") == spark([1.0], "x") == spark([0.0, 0.0], "x") == ""


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=30), st.text(max_size=20))
def test_any_values_are_a_line_within_the_picture(values: list[float], what: str) -> None:
    drawn = spark(values, what)
    if not any(values):
        assert drawn == ""
        return
    for path in tree(drawn).iter("path"):
        numbers = path.get("d", "").replace("M", " ").replace("L", " ").replace("Z", " ").split()
        assert all(0 <= float(x) <= 100 and 0 <= float(y) <= 28 for x, y in zip(numbers[::2], numbers[1::2], strict=True))
