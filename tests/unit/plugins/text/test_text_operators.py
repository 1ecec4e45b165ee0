"""Extracting, replacing, joining, splitting, hashing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_core.errors import ColumnError, ParamError
from rtml_core.testing import assert_parity, assert_refuses

TEXTS = [
    *(
        "",
        " ",
        "a",
        "order 42",
        "ORDER-\u0664\u0662 of 7",
        "AB-12, CD-34",
        "x@y.example",
        "no match",
        "42\n",
        "\n",
        "a;b;;c",
        ";",
    ),
    *(
        "\u0130stanbul-\u00df-\u1e9e",
        "\u212a-1",
        "k=v;k2=v2",
        "\u65e5\u672c 7\u5186",
        "a\u0307b",
        "\U0001f600;\U0001f600",
        "::",
        "a::b::c::d",
    ),
]
FRAME = pd.DataFrame({"text": TEXTS, "other": [*TEXTS[3:], *TEXTS[:3]]})
GAPS = pd.DataFrame({"text": [*TEXTS, None, None, "z"], "other": [*TEXTS[::-1], None, "y", None]})


@pytest.mark.parametrize("frame", [FRAME, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize(
    "options",
    [
        {"pattern": r"(\d+)"},
        {"pattern": r"(\d+)", "ascii": True},
        {"pattern": r"(\S{3,5})"},
        {"pattern": r"([^\w])"},
        {"pattern": r"(?s)(.+)"},
        {"pattern": r"\b(\w+)\b"},
        {"pattern": r"(\d+?)"},
        {"pattern": r"([k]+)", "ignore_case": True},
        {"pattern": r"(?P<letters>[A-Z]{2})-(?P<number>\d+)"},
        {"pattern": r"(\w+)@([\w.]+)", "into": ["user", "host"]},
        {"pattern": r"order\W+(\d+)", "ignore_case": True},
        {"pattern": r"^(.*?);(.*)$"},
        {"pattern": r"(a?)b"},
        {"pattern": r"(k)", "ignore_case": True},
        {"pattern": r"((\w)\w*)"},
    ],
    ids=str,
)
def test_extract_is_re_search(options: dict[str, Any], frame: pd.DataFrame) -> None:
    assert_parity(op.RegexExtract(column="text", **options), frame)


def test_extract_names_its_columns() -> None:
    found = op.RegexExtract(column="text", pattern=r"(?P<letters>[A-Z]{2})-(\d+)").process(FRAME).data.iloc[5]
    assert (found["letters"], found["text_1"], found["text"]) == ("AB", "12", "AB-12, CD-34")


@pytest.mark.parametrize("pattern", [r"(a)?b", r"(a)|(b)", r"(?:(a)b)+", r"(a)*"])
def test_groups_that_a_match_may_pass_by_are_refused(pattern: str) -> None:
    assert_refuses(op.RegexExtract(column="text", pattern=pattern), FRAME, "does not take part in every match", "(a?)")


@pytest.mark.parametrize("pattern", [r"(?<=a)(b)", r"(a)\1"])
def test_what_re2_lacks_is_refused(pattern: str) -> None:
    assert_refuses(op.RegexExtract(column="text", pattern=pattern), FRAME, "RE2 has no such thing")


@pytest.mark.parametrize("frame", [FRAME, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize(
    "options",
    [
        {"pattern": r"\d+", "replacement": "#"},
        {"pattern": r"\s+", "replacement": " ", "into": ["a", "b"]},
        {"pattern": r"([a-z])(\d)", "replacement": r"\2\g<1>", "ignore_case": True},
        {"pattern": r"[^\w]", "first": True, "ascii": True},
        {"pattern": r"k", "replacement": "K", "ignore_case": True},
    ],
    ids=str,
)
def test_replace_is_re_sub(options: dict[str, Any], frame: pd.DataFrame) -> None:
    assert_parity(op.RegexReplace(cols=["text", "other"], **options), frame)


def test_replacing_what_may_be_empty_is_refused() -> None:
    assert_refuses(op.RegexReplace(cols="text", pattern=r"\d*", replacement="-"), FRAME, "can match the empty string")


@pytest.mark.parametrize("frame", [FRAME, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize("missing", ["null", "skip", "empty"])
@pytest.mark.parametrize("separator", [" ", "", "::"])
def test_join(frame: pd.DataFrame, missing: str, separator: str) -> None:
    full = frame.assign(third=frame["text"].fillna("!"))
    for cols in (["text", "other"], ["other", "text", "third"], ["third", "other"], ["text"]):
        assert_parity(op.TextJoin(cols=cols, into="joined", separator=separator, missing=missing), full)


def test_join_says_what_missing_becomes() -> None:
    frame = pd.DataFrame({"a": ["x", None, None], "b": ["y", "y", None]})
    found = {
        m: op.TextJoin(cols=["a", "b"], into="j", separator="-", missing=m).process(frame).data["j"] for m in ("skip", "empty")
    }
    assert found["skip"].fillna("?").tolist() == ["x-y", "y", "?"]
    assert found["empty"].tolist() == ["x-y", "-y", "-"]


@pytest.mark.parametrize("frame", [FRAME, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("separator", [";", "::", " ", "\u00df"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_split(frame: pd.DataFrame, rest: bool, separator: str, count: int) -> None:
    node = op.TextSplit(column="text", separator=separator, into=[f"part{i}" for i in range(count)], rest=rest)
    assert assert_parity(node, frame) <= 14


@pytest.mark.parametrize("frame", [FRAME, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize(("buckets", "seed"), [(1, 0), (10, 0), (97, 12345), (2**31, 2**31 - 1)])
def test_hash(frame: pd.DataFrame, buckets: int, seed: int) -> None:
    assert_parity(op.TextHash(cols=["text", "other"], buckets=buckets, seed=seed, into=["a", "b"]), frame)


def test_hashes_are_what_they_always_were() -> None:
    # MurmurHash3_x86_32("hello", seed 0) is 0x248bfa47
    frame = pd.DataFrame({"text": ["hello", ""]})
    assert op.TextHash(cols="text", buckets=2**31).process(frame).data["text"].tolist() == [613153351, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: op.RegexExtract(column="text", pattern="a"), "must have a group"),
        (lambda: op.RegexExtract(column="text", pattern="(a){99999999999}"), "the repetition number is too large"),
        (lambda: op.RegexExtract(column="text", pattern="(a"), "must be a regular expression; got '\\(a'"),
        (lambda: op.RegexExtract(column="text", pattern="(a)", into=["a", "b"]), "for each of the 1 groups"),
        (lambda: op.RegexReplace(cols="text", pattern="a", replacement=r"\1"), "must fit the pattern's groups"),
        (lambda: op.TextJoin(cols=["a", "a"], into="b"), "each once"),
        (lambda: op.TextSplit(column="a", separator="", into=["b"]), "'separator' must be a text"),
        (lambda: op.TextHash(cols="a", buckets=0), "from 1 to 2\\^31; got 0"),
        (lambda: op.TextHash(cols=["a", "b"], buckets=3, into="c"), "one new column for each of the 2"),
    ],
)
def test_parameters_say_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        make()


def test_columns_that_do_not_fit() -> None:
    with pytest.raises(ColumnError, match="Did you mean 'text'"):
        op.TextHash(cols="txt", buckets=3).process(FRAME)
    with pytest.raises(ColumnError, match="'other' is there already"):
        op.TextSplit(column="text", separator=";", into=["other"]).process(FRAME)
    with pytest.raises(ColumnError, match="takes texts"):
        op.TextJoin(cols=["n"], into="b").process(pd.DataFrame({"n": [1]}))
