"""Docstrings as markup: nothing of them but their own words comes through."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.hub.gallery.prose import inline, prose
from tests.unit.hub.gallery import site

DOC = """Sets `fields`: a < b & c.

Every one has:

- `to`: an expression,
  of two lines
- `value`: <b>bold</b>

    rtml plugins check `x`

* the end"""


def test_paragraphs_lists_code_and_listings() -> None:
    tree = site.tree(str(prose(DOC)))
    assert [child.tag for child in tree] == ["p", "p", "ul", "pre", "ul"]
    assert [site.words(item) for item in tree.findall(".//li")] == [
        "to: an expression, of two lines",
        "value: <b>bold</b>",
        "the end",
    ]
    assert [code.text for code in tree.findall(".//code")] == ["fields", "to", "value"]
    assert site.words(tree[0]) == "Sets fields: a < b & c."
    assert tree[3].text == "rtml plugins check `x`"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\"'` -*\n"), max_size=80))
def test_whatever_stands_there_is_text(text: str) -> None:
    for made in (prose(text), inline(text)):
        tree = site.tree(str(made))
        assert {element.tag for element in tree.iter()} <= {"root", "p", "ul", "li", "code", "pre"}
    assert "<script" not in prose("<script>`<script>`</script>")
