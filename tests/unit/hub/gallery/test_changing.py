"""What is typed into the forms of the traffic page becomes traffic, or a sentence at its field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.records import Arm, Service, Traffic, Version
from rtml_plugins.hub.gallery import changing, telling
from rtml_plugins.hub.gallery.changing import asked, share_of
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.routing import TrafficRefused, check_traffic

AT = "2026-11-21T10:15:00.000Z"
VERSIONS = tuple(Version(number, f"{number}" * 64, 1, AT, "ada") for number in (4, 3, 2, 1))
SERVICE = Service("1", "churn", "", "", ("na",), Traffic(2), VERSIONS, AT, AT)
CHAMPIONS = ((1, AT), (2, AT))


def after(traffic: Traffic, **form: str) -> Traffic | None:
    wanted = asked(form, replace(SERVICE, traffic=traffic), CHAMPIONS)
    assert not wanted.errors, wanted.errors
    return wanted.after


def errors(traffic: Traffic = SERVICE.traffic, champions: tuple[tuple[int, str], ...] = CHAMPIONS, **form: str) -> dict[str, str]:
    wanted = asked(form, replace(SERVICE, traffic=traffic), champions)
    if wanted.after is not None and not wanted.errors:
        with pytest.raises(TrafficRefused) as refused:
            check_traffic(wanted.after, {1, 2, 3, 4})
        wanted.refuse(refused.value)
    return wanted.errors


@pytest.mark.parametrize(
    ("text", "share"), [("20", 0.2), ("12,5", 0.125), ("0.5 %", 0.005), (" 99.9% ", 0.999), ("7", 0.07), ("0,000001", 1e-8)]
)
def test_a_share_is_typed_in_percent(text: str, share: float) -> None:
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["", "0", "100", "-5", "1e1", "12.5.1", "1,000.5", "half", "nan", "٣", "5 %%", "9" * 30])
def test_what_is_no_share_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Expected .* percent.*\.$"):
        share_of(text)


@given(st.decimals(min_value="0.0001", max_value="99.9999", places=4))
def test_a_share_that_is_shown_is_read_as_it_was(percent: object) -> None:
    share = share_of(str(percent))
    assert share_of(f"{100 * share:.10g}") == share


def test_each_form_means_a_traffic() -> None:
    now = Traffic(2, sticky="city")
    canary = Traffic(2, Arm(3, 0.05), sticky="city")
    assert after(now, action="canary", version="3", share="5", sticky=" city ") == canary
    assert after(canary, action="canary", version="3", share="10", sticky="") == Traffic(2, Arm(3, 0.1))
    typed = {"version1": "3", "share1": "33,3", "version2": "", "share2": " ", "version3": "1", "share3": "10"}
    split = after(now, action="split", sticky="city", **typed)
    assert split == Traffic(2, split=(Arm(3, 0.333), Arm(1, 0.1)), sticky="city")
    assert after(now, action="shadow", version="4") == Traffic(2, shadow=4, sticky="city")
    both = Traffic(2, Arm(3, 0.1), shadow=4, sticky="city")
    assert after(both, action="champion", version="3") == Traffic(3, shadow=4, sticky="city")
    assert after(both, action="champion", version="4") == Traffic(4, sticky="city")
    assert after(both, action="rollback", version="") == Traffic(1, sticky="city")
    assert after(both, action="rollback", version="4") == Traffic(4, sticky="city")
    assert after(both, action="end", what="canary") == Traffic(2, shadow=4, sticky="city")
    assert after(both, action="end", what="shadow") == Traffic(2, Arm(3, 0.1), sticky="city")
    assert after(Traffic(2, split=(Arm(3, 0.1),)), action="end", what="split") == Traffic(2)
    assert after(now, action="deprecate", reason="old") is None


def test_what_is_wrong_is_said_at_its_field() -> None:
    assert errors(action="canary", version="3", share="200") == {
        "share": "Expected more than 0 and less than 100 percent; got '200'."
    }
    assert errors(action="canary", version="", share="x") == {
        "version": "Choose a version.",
        "share": "Expected a share in percent, e.g. 20 or 0.5; got 'x'.",
    }
    assert list(errors(action="canary", version="9", share="5", sticky="")) == ["version"]
    assert list(errors(action="canary", version="2", share="5", sticky="")) == ["version"]  # the champion
    assert list(errors(action="split", version1="3", share1="60", version2="4", share2="50")) == ["share2"]
    assert list(errors(action="split", version1="3", share1="10", version2="3", share2="10")) == ["version2"]
    assert list(errors(action="split", version1="3", share1="10", version2="9", share2="10")) == ["version2"]
    assert list(errors(action="split", version1="", share1="")) == [""]
    assert list(errors(action="champion", version="2")) == [""]  # as it is already
    assert list(errors(action="rollback", version="", champions=CHAMPIONS[:1])) == ["version"]
    assert list(errors(action="end", what="canary")) == [""]
    assert "got 'four'" in errors(action="shadow", version="four")["version"]


@pytest.mark.parametrize("form", [{}, {"action": "drop"}, {"action": "end", "what": "<b>"}])
def test_what_is_no_form_of_the_page_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        asked(form, SERVICE, CHAMPIONS)
    assert refused.value.status == 400


def test_a_form_has_arms_within_reason() -> None:
    wanted = changing.Asked("split", {f"version{number}": "" for number in range(1, 1000)})
    assert wanted.arms == list(range(1, 21))


def test_traffic_in_sentences() -> None:
    assert telling.sentences(Traffic(2)) == ["Version 2 answers everyone."]
    told = telling.sentences(Traffic(2, Arm(3, 0.2), (Arm(4, 0.125),), 1, "city"))
    assert told == [
        "Version 2 answers about 675 of 1,000 visitors.",
        "Version 4 answers about 125 of 1,000, as an arm of the split.",
        "Version 3 answers about 20 of 100, as the canary.",
        "The field city decides who gets which, so that each visitor stays with one version.",
        "Version 1 is the shadow: it scores the same rows, is compared, and answers nobody.",
    ]
    assert "20 of 100" in telling.sentences(Traffic(2, Arm(3, 0.2)))[1]
    assert "may meet several versions" in telling.sentences(Traffic(2, Arm(3, 0.2)))[2]
    assert [telling.of_hundred(share) for share in (0.01, 0.005, 1 / 3, 1e-8)] == [
        "1 of 100",
        "5 of 1,000",
        "33.3 of 100",
        "1e-06 of 100",
    ]
    parts = telling.parts(Traffic(2, Arm(3, 0.2), (Arm(4, 0.125),)))
    assert sum(share for _, share, _ in parts) == pytest.approx(1)
    assert len({style for _, _, style in parts}) == 3


@pytest.mark.parametrize(
    ("before", "then", "said"),
    [
        (Traffic(2), Traffic(3), "Roll back to version 2"),
        (Traffic(2, Arm(3, 0.1)), Traffic(3), "canary and its split are not made again"),
        (Traffic(2), Traffic(2, Arm(3, 0.1)), "End the canary"),
        (Traffic(2, Arm(3, 0.1)), Traffic(2), "Make version 3 the canary again, with 10 %"),
        (Traffic(2, Arm(3, 0.1)), Traffic(2, Arm(3, 0.5)), "Set the canary's share to 10 % again"),
        (Traffic(2, Arm(3, 0.1)), Traffic(2, Arm(4, 0.5)), "Make version 3 the canary again, with 10 %"),
        (Traffic(2), Traffic(2, split=(Arm(3, 0.1),)), "End the split"),
        (Traffic(2, split=(Arm(3, 0.1),)), Traffic(2), "Set the split as it was"),
        (Traffic(2), Traffic(2, shadow=3), "End the shadow"),
        (Traffic(2, shadow=3), Traffic(2), "Make version 3 the shadow again"),
        (Traffic(2, Arm(3, 0.1)), Traffic(2, Arm(3, 0.1), sticky="city"), "Set the field as it was"),
    ],
)
def test_how_a_change_is_taken_back(before: Traffic, then: Traffic, said: str) -> None:
    assert said in telling.taken_back(before, then)


_TYPED = st.text(max_size=8) | st.sampled_from(["1", "2", "3", "4", "9", "20", "99,9", "100", "city", "canary", "0"])
_NAMES = st.sampled_from(
    ["version", "share", "sticky", "what", "to", "version1", "share1", "version2", "share2", "version999", "seen"]
)


@given(st.sampled_from(changing.ACTIONS) | st.text(max_size=5), st.dictionaries(_NAMES | st.text(max_size=5), _TYPED))
def test_whatever_is_sent_becomes_traffic_or_a_sentence(action: str, form: dict[str, str]) -> None:
    try:
        wanted = asked({**form, "action": action}, SERVICE, CHAMPIONS)
    except Problem:  # no form of the page
        assert action not in changing.ACTIONS or action == "end"
        return
    assert wanted.after is None or not wanted.errors or wanted.after == SERVICE.traffic
    assert wanted.after is not None or wanted.errors or action in ("deprecate", "restore")
    if wanted.after is not None and not wanted.errors:
        try:
            check_traffic(wanted.after, {1, 2, 3, 4})
        except TrafficRefused as refused:
            wanted.refuse(refused)
            assert all(name == "" or name in wanted.typed for name in wanted.errors)
        else:
            assert telling.sentences(wanted.after)
            assert telling.taken_back(SERVICE.traffic, wanted.after)
            assert sum(share for _, share, _ in telling.parts(wanted.after)) == pytest.approx(1)
