"""The custom operators: declarations only, cheap to import. Bodies: rtml_lang.title and rtml_lang.romanize.

A version is the meaning of an operator. When a text shall come out another way, by a rule or a word in a table, the operator gets
the next version, and the old one stays for the packages that name it.
"""

from __future__ import annotations

from typing import Final

from rtml_core import CustomOp

TITLE_CASE: Final = CustomOp(
    domain="lang",
    name="title_case",
    version=1,
    inputs=("string",),
    outputs=("string",),
    arguments={"language": "string", "keep": "list"},
    body="rtml_lang.title:title_case",
    cases="rtml_lang.cases:title_case",
    doc="Texts in the title case of a language; the words in `keep` are written as they stand there.",
    unicode=True,
)
TRANSLITERATE: Final = CustomOp(
    domain="lang",
    name="transliterate",
    version=1,
    inputs=("string",),
    outputs=("string",),
    arguments={"language": "string?", "unknown": "string"},
    body="rtml_lang.romanize:transliterate",
    cases="rtml_lang.cases:transliterate",
    doc="Texts in ASCII: the rules of a language first, then anyascii 0.3.3; `unknown` stands for what neither knows.",
    unicode=True,
)
