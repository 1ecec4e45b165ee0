"""Python's regular expressions as RE2: the same answers, or a refusal that says why."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.string_search import contains, fullmatch, match
from rtml_core.lowering.strings import replace
from tests.unit.core.lowering.one_column import Compiled

TEXTS = [
    "", "a", "b", "ab", "aab", "abab", "ba", "A", "AB", "aa", "aaa", "a\n", "a\nb", "\na", "a\n\n", "\n", " ", "a b", "ab ab",
    "1", "a1", "\u0661", "é", "aé", "éa", "É", "ß", "ẞ", "ss", "SS", "\u017f", "K", "\u212a", "k", "İ", "i", "\u0131", "I", "ς",
    "\u03c3", "Σ", "_", "a_b", "a-b", "a.b", "(a)", "日本", "🙂", "a🙂b", "\xa0", "a\u2003b", "\x1c", "\u0301", "foo", "foo bar",
    "xfoo", "foox", "éfoo", "foo_", "-foo-",
]  # fmt: skip

PATTERNS = [
    "", "a", "a|b", "ab|a", "a|ab", "^a", "a$", "^a$", r"\Aa\Z", "(?m)^a$", "(?m)^", "(?m)b$", ".", "a.b", "(?s)a.b", "a*",
    "a+?b", "a{2}", "a{1,2}b", "(?:ab)+", "(a)(b)?", "[ab]+", "[^ab]", "[^a-c\n]", r"\d", r"\D+", r"\w+", r"\W", r"\s", r"\S+",
    r"[\w\s]+",    r"[^\w\s]", "(?i)k", "(?i)ss", "(?i)ß", "(?i)i", "(?i)[a-k]", "(?i)\u03c3", "(?i)[^k]", "(?ai)k", "a|[kK]",
    "(?ai)a|s|(b)", r"(?a)\w+", "(?i:A)b", "(?x) a  b # c", "a$|b", "(a$|b)",
    r"\.", r"\(a\)", r"[\]\[^-]", "é|日", "🙂", r"\u0661", r"\x61", "(?P<n>a)b", "a??", "(?:a|b)*?b", "(?:a{2}){2}", "a{0}",
    r"[\d-]", "a{3,}",
]  # fmt: skip

EDGES = [r"(?a)\bfoo\b", r"\bfoo\b", r"\b(foo|bar)", r"foo\b", r"\b\w+\b", r"\b(?:é|a+)", r"[a-z]{2}\b|_"]

REFUSED = {
    "(?=a)": "look-ahead",
    "(?!a)b": "look-ahead",
    "(?<=a)b": "look-behind",
    r"(a)\1": "back to a group",
    "(a)?(?(1)b|c)": "condition on a group",
    "(?>a)b": "atomic",
    "a++": "possessive",
    "a$b": r"write \\Z",
    "(?:a$)+": r"write \\Z",
    r"a\bb": r"\(\?a\)",
    r"\b\W": r"\(\?a\)",
    r"\B": r"\\B",
    "(?:a*)*": "may be empty",
    "(?:a|b?)+": "may be empty",
    "a{1001}": "more than 1000",
    "(?:a{100}){11}": "more than 1000",
    r"\w{300}": "large classes",
    "[": "not a regular expression",
    "(?L)a": "not a regular expression",
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("mode", [contains, match, fullmatch])
def test_a_question_is_answered_as_python_does(pattern: str, mode: Any) -> None:
    ask = {contains: re.compile(pattern).search, match: re.compile(pattern).match, fullmatch: re.compile(pattern).fullmatch}[mode]
    compiled = Compiled(lambda b, c: mode(b, c, pattern))
    assert compiled(TEXTS).tolist() == [ask(text) is not None for text in TEXTS]


@pytest.mark.parametrize("pattern", EDGES)
def test_an_edge_of_a_word_is_one_in_every_script(pattern: str) -> None:
    compiled = Compiled(lambda b, c: contains(b, c, pattern))
    assert compiled(TEXTS).tolist() == [re.search(pattern, text) is not None for text in TEXTS]


@pytest.mark.parametrize("pattern", [p for p in PATTERNS if "$" not in p])
@pytest.mark.parametrize("n", [-1, 1])
def test_replacing_is_what_python_does(pattern: str, n: int) -> None:
    if re.fullmatch(pattern, "") is not None or "^" in pattern[:5]:
        with pytest.raises(NotLowerableError, match="empty string") if re.search(pattern, "") else warnings.catch_warnings():
            Compiled(lambda b, c: replace(b, c, pattern, "<>", n=n, regex_=True))
        return
    compiled = Compiled(lambda b, c: replace(b, c, pattern, r"<\g<0>\\>", n=n, regex_=True))
    assert compiled(TEXTS).tolist() == [re.sub(pattern, r"<\g<0>\\>", text, count=max(n, 0)) for text in TEXTS]


@pytest.mark.parametrize(("pattern", "words"), REFUSED.items())
def test_what_re2_lacks_or_reads_differently_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(NotLowerableError, match=words):
        regex.translate(pattern)


@pytest.mark.parametrize("pattern", ["(" * 3000 + ")" * 3000, "a{99999999999}", "a{2,1}", "("])
def test_what_python_can_not_read_is_refused(pattern: str) -> None:
    with pytest.raises(NotLowerableError, match="is not a regular expression: "):
        regex.compile_python(pattern)


@pytest.mark.parametrize("pattern", ["a*", "^", "a?", "$", "(?m)^", "a|"])
def test_replacing_what_may_be_empty_is_refused(pattern: str) -> None:
    with pytest.raises(NotLowerableError, match="empty string"):
        regex.translate(pattern, mode="replace")


def test_a_dollar_in_a_replacement_is_refused_with_the_cure() -> None:
    with pytest.raises(NotLowerableError, match=r"write \\Z"):
        regex.translate("a$", mode="replace")
    compiled = Compiled(lambda b, c: replace(b, c, r"a\Z", "", regex_=True))
    assert compiled(TEXTS).tolist() == [re.sub(r"a\Z", "", text) for text in TEXTS]


@pytest.mark.parametrize(
    ("template", "pattern", "expected"),
    [
        (r"\1-\g<n>", "(a)(?P<n>b)", r"\1-\2"),
        (r"\g<0>", "(a)(b)", r"\0"),
        (r"\\1", "(a)", r"\\1"),
        (r"\t\n", "a", "\t\n"),
        ("$1", "(a)", "$1"),
        ("", "a", ""),
    ],
)
def test_replacement_templates(template: str, pattern: str, expected: str) -> None:
    assert regex.rewrite(template, regex.translate(pattern, mode="replace")) == expected


@pytest.mark.parametrize(
    ("template", "pattern", "words"),
    [
        (r"\2", "(a)", "invalid group reference"),
        (r"\g<m>", "(a)", "unknown group"),
        (r"\q", "a", "bad escape"),
        (r"\1", "(?:(a)|b)+", "inside a repeat"),
        ("x", "(a)" * 10, "at most 9"),
    ],
)
def test_templates_that_re2_can_not_follow_are_refused(template: str, pattern: str, words: str) -> None:
    with pytest.raises(NotLowerableError, match=words):
        regex.rewrite(template, regex.translate(pattern, mode="replace"))


def test_flags_are_python_flags() -> None:
    compiled = Compiled(lambda b, c: contains(b, c, "^A.B$", flags=re.IGNORECASE | re.DOTALL | re.MULTILINE))
    python = re.compile("^A.B$", re.IGNORECASE | re.DOTALL | re.MULTILINE)
    assert compiled(TEXTS).tolist() == [python.search(text) is not None for text in TEXTS]
    with pytest.raises(NotLowerableError, match="DEBUG"), warnings.catch_warnings():
        regex.translate("", re.DEBUG)


@pytest.mark.parametrize(
    ("pattern", "text"), [("ab", "ab"), (r"\|\|", "||"), (r"a\.b", "a.b"), ("a|b", None), ("(?i)a", None), ("", "")]
)
def test_a_pattern_that_is_a_text_is_known_as_one(pattern: str, text: str | None) -> None:
    assert regex.literal_text(pattern) == text


def test_ranges_and_classes() -> None:
    assert regex.ranges_of("cabx") == [(97, 99), (120, 120)]
    assert regex.char_class([(97, 99), (120, 120)]) == r"[\x{61}-\x{63}\x{78}]"
    assert not Compiled(lambda b, c: contains(b, c, r"[^\w\W]"))(TEXTS).any()
    words = {char for char in regex.all_characters() if re.match(r"\w", char)}
    assert words == {chr(code) for lo, hi in regex.word_ranges() for code in range(lo, hi + 1)}


ATOMS = st.sampled_from(
    ["a", "b", "é", "k", "s", "ß", "i", "1", "_", r"\n", ".", r"\d", r"\w", r"\s", r"\W", r"\S", "[ab]", "[^a]", "[a-k]", "[kK]"]
)
ANCHORS = st.sampled_from(["^", "$", r"\A", r"\Z", r"\b"])
QUANTIFIERS = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?", "+?", "??", "{2,}"])
PIECES = st.recursive(
    st.one_of(ATOMS, ATOMS, ANCHORS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map(lambda part: f"({part})"),
        st.tuples(inner, QUANTIFIERS).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)
EXAMPLES = settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@EXAMPLES
@given(PIECES, st.sampled_from([0, re.IGNORECASE, re.MULTILINE, re.ASCII, re.IGNORECASE | re.ASCII, re.DOTALL]))
def test_random_patterns_find_what_python_finds(pattern: str, flags: int) -> None:
    for ask, mode in (("search", contains), ("match", match), ("fullmatch", fullmatch)):
        try:
            compiled = Compiled(lambda b, c, mode=mode: mode(b, c, pattern, flags=flags))
        except NotLowerableError:
            continue
        python = getattr(re.compile(pattern, flags), ask)
        assert compiled(TEXTS).tolist() == [python(text) is not None for text in TEXTS]


@EXAMPLES
@given(PIECES, st.sampled_from([0, re.IGNORECASE, re.ASCII]), st.sampled_from([-1, 1]))
def test_random_patterns_replace_what_python_replaces(pattern: str, flags: int, n: int) -> None:
    groups = re.compile(pattern, flags).groups
    template = r"<\1>" if groups else r"<\g<0>>"
    try:
        compiled = Compiled(lambda b, c: replace(b, c, pattern, template, n=n, flags=flags, regex_=True))
    except NotLowerableError:
        assume(False)
    assert compiled(TEXTS).tolist() == [re.sub(pattern, template, text, count=max(n, 0), flags=flags) for text in TEXTS]
