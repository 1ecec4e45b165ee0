"""Edges are told of what they follow, all of it and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.hub.feed import FOLLOWED, Feed


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_edge_is_told_of_what_it_asked_for_once_however_often_it_changes() -> None:
    feed = Feed()
    epoch, cursor = feed.follow("a", "na", ["x", "y"])
    feed.follow("b", "na", ["y"])
    feed.changed(["x", "z"])
    feed.changed(["y"])
    feed.changed(["x"])
    news = feed.news("a", epoch, cursor, 10)
    assert (list(news.keys), news.anew) == (["y", "x"], False)
    assert list(feed.news("a", epoch, cursor, 10).keys) == ["y", "x"]  # the answer may have been lost
    assert list(feed.news("a", epoch, news.cursor, 10).keys) == []
    assert feed.news("b", epoch, cursor, 10).anew  # an epoch of another edge


def test_changes_come_in_parts_the_oldest_first() -> None:
    feed = Feed()
    epoch, cursor = feed.follow("a", "na", map(str, range(10)))
    for number in range(10):
        feed.changed([str(number)])
    found: list[str] = []
    for _ in range(4):
        news = feed.news("a", epoch, cursor, 3)
        found += news.keys
        cursor = news.cursor
    assert found == [str(number) for number in range(10)]


def test_one_commit_of_many_comes_in_parts_too() -> None:
    feed = Feed()
    keys = [str(number) for number in range(12_000)]
    epoch, cursor = feed.follow("a", "na", keys)
    feed.changed(keys)
    found: list[str] = []
    for _ in range(12):
        news = feed.news("a", epoch, cursor, 1000)
        assert len(news.keys) == 1000
        assert news.cursors[-1] <= news.cursor
        found += news.keys
        cursor = news.cursor
    assert found == keys
    assert list(feed.news("a", epoch, cursor, 1000).keys) == []
    feed.changed(keys[:10])
    news = feed.news("a", epoch, cursor, 1000)
    assert list(feed.news("a", epoch, news.cursors[3], 1000).keys) == keys[4:10]  # only so many fitted into the answer


def test_who_is_left_behind_asks_anew() -> None:
    feed = Feed(behind=5)
    epoch, cursor = feed.follow("a", "na", map(str, range(10)))
    feed.changed(map(str, range(10)))
    news = feed.news("a", epoch, cursor, 10)
    assert (news.anew, list(news.keys)) == (True, [])
    assert news.epoch != epoch
    feed.changed(["3"])
    assert list(feed.news("a", news.epoch, news.cursor, 10).keys) == ["3"]


def test_an_edge_that_goes_back_asks_anew() -> None:
    feed = Feed()
    epoch, cursor = feed.follow("a", "na", ["x"])
    feed.changed(["x"])
    later = feed.news("a", epoch, feed.news("a", epoch, cursor, 9).cursor, 9)
    assert feed.news("a", epoch, cursor, 9).anew  # what was let go can't be told again
    assert feed.news("a", later.epoch, later.cursor + 7, 9).anew  # a cursor of the future is of no feed of this hub


def test_what_nobody_asked_for_for_14_days_is_not_followed() -> None:
    clock = Clock()
    feed = Feed(clock)
    feed.follow("a", "na", ["x"])
    clock.now = FOLLOWED + 1
    epoch, cursor = feed.follow("a", "na", ["y"])
    feed.changed(["x", "y"])
    assert list(feed.news("a", epoch, cursor, 9).keys) == ["y"]


def test_the_identities_of_an_edge_are_limited_to_those_it_asked_for_last() -> None:
    feed = Feed(most=2)
    feed.follow("a", "na", ["x", "y"])
    feed.follow("a", "na", ["x"])
    epoch, cursor = feed.follow("a", "na", ["z"])
    feed.changed(["x", "y", "z"])
    assert list(feed.news("a", epoch, cursor, 9).keys) == ["x", "z"]


def test_edges_of_a_region_ask_anew_when_they_are_to_see_something_else() -> None:
    feed = Feed()
    woken: list[str] = []
    feed.listen("a", lambda: woken.append("a"))
    feed.listen("b", lambda: woken.append("b"))
    first, second = feed.follow("a", "na", ["x"]), feed.follow("b", "emea", ["x"])
    feed.renew("na")
    assert woken == ["a"]
    assert feed.news("a", *first, 9).anew
    assert not feed.news("b", *second, 9).anew


def test_who_listens_is_woken_until_it_ends() -> None:
    feed = Feed()
    woken: list[int] = []
    end = feed.listen("a", lambda: woken.append(1))
    feed.follow("a", "na", ["x"])
    feed.changed(["y"])
    feed.changed(["x"])
    end()
    feed.changed(["x"])
    assert woken == [1]


@given(st.lists(st.one_of(st.sampled_from("abcd").map(lambda key: ("change", key)), st.just(("ask", "")), st.just(("lose", "")))))
def test_whatever_gets_lost_on_the_way_an_edge_has_the_newest_in_the_end(steps: list[tuple[str, str]]) -> None:
    """lose: the answer does not arrive, so the edge asks with the cursor that it has."""
    feed = Feed()
    truth = dict.fromkeys("abcd", 0)
    epoch, cursor = feed.follow("e", "na", truth)
    held = dict(truth)
    for what, key in [*steps, ("ask", "")]:
        if what == "change":
            truth[key] += 1
            feed.changed([key])
            continue
        news = feed.news("e", epoch, cursor, 100)
        assert not news.anew
        if what == "ask":
            held |= {one: truth[one] for one in news.keys}
            cursor = news.cursor
    assert held == truth
