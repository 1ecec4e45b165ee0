"""One grammar for the names of columns: every path has a name, and every name one path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.columns import parse_signature
from rtml_plugins.xdm.paths import EVERY, PathError, escape, join, join_pattern, pattern, pointer, split, unescape

#: every text, also those with halves of characters, and the characters of the grammar more often than chance has them
anything = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from('.[]~_u*0-"\\/:@\x00'))
paths = st.lists(anything | st.integers(-(10**30), 10**30), max_size=8)


@given(paths)
def test_the_path_of_the_name_of_a_path_is_that_path(path: list[str | int]) -> None:
    made = split(join(path))
    assert made == path
    assert list(map(type, made)) == list(map(type, path))


@given(paths, paths)
def test_two_paths_have_two_names(one: list[str | int], other: list[str | int]) -> None:
    assert (join(one) == join(other)) == (one == other)


@given(anything)
def test_a_key_is_escaped_without_loss(key: str) -> None:
    assert unescape(escape(key)) == key
    assert split(escape(key)) == [key]


@given(st.lists(anything, min_size=1))
def test_every_name_may_be_the_name_of_a_field(path: list[str]) -> None:
    assert parse_signature({join(path): "float"})[0].name == join(path)


@given(anything)
def test_what_is_no_path_is_refused_in_words_and_the_rest_means_itself(text: str) -> None:
    try:
        steps = pattern(text)
    except PathError:
        steps = [EVERY]
    assert pattern(join_pattern(steps)) == steps


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ([], ""),
        (["web", "webPageDetails", "name"], "web.webPageDetails.name"),
        (["productListItems", 0, "SKU"], "productListItems[0].SKU"),
        (["productListItems", -1], "productListItems[-1]"),
        ([0, 1, "a"], "[0][1].a"),
        (["customData", "7"], "customData.7"),
        (["https://ns.adobe.com/a"], "https://ns~.adobe~.com/a"),
        (["xdm:person", "@id", "jo@example.com"], "xdm:person.@id.jo@example~.com"),
        ([""], "~_"),
        (["", "", 0, ""], "~_.~_[0].~_"),
        (["a[0]", "~", "_"], "a~[0~].~~._"),
        (['"', "\\", "\n", "\ud800"], "~u0022.~u005C.~u000A.~uD800"),
        (["[*]"], "~[*~]"),
    ],
)
def test_names(path: list[str | int], name: str) -> None:
    assert join(path) == name
    assert split(name) == path


@pytest.mark.parametrize(
    "text", [".", "a.", ".a", "a..b", "a[", "a]", "a[x]", "a[01]", "a[-0]", "a[0]b", "[]", "~", "~x", "a~_", "~u12", "a~", "[0]."]
)
def test_texts_that_are_no_path(text: str) -> None:
    with pytest.raises(PathError, match="is no path, from character"):
        split(text)


def test_an_index_of_too_many_digits() -> None:
    with pytest.raises(PathError, match="an index of 5000 digits"):
        split(f"a[{'1' * 5000}]")


@pytest.mark.parametrize("step", [True, 1.0, None, b"a"])
def test_other_steps_are_refused(step: object) -> None:
    with pytest.raises(PathError, match="a key"):
        join(["a", step])  # type: ignore[list-item]


def test_no_text_is_refused() -> None:
    with pytest.raises(PathError, match="a path must be a text; got 3"):
        split(3)  # type: ignore[arg-type]


def test_a_pattern_stands_for_many() -> None:
    assert pattern("productListItems[*].SKU") == ["productListItems", EVERY, "SKU"]
    assert join_pattern(["a", EVERY, EVERY, "b", 0]) == "a[*][*].b[0]"
    with pytest.raises(PathError, match=r"stands for many values"):
        split("a[*]")


def test_pointers() -> None:
    assert pointer(["a/b", "~", 0, ""]) == "/a~1b/~0/0/"
    assert pointer([]) == ""
