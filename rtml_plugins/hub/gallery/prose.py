"""Docstrings as markup: paragraphs, lists, code. Whatever else stands in them is text."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from rtml_core.display.wording import shown

#: characters of a text that are shown
LONGEST: Final = 20_000
_CODE: Final = re.compile(r"``([^`\n]+)``|`([^`]+)`")
_ITEM: Final = re.compile(r"[-*] +")


def prose(text: str) -> Markup:
    """The blocks of a text, which empty lines part: lines that begin with "- " are a list, indented ones a listing."""
    blocks: list[list[str]] = [[]]
    for line in shown(text[:LONGEST]).splitlines():
        if line.strip():
            blocks[-1].append(line.rstrip())
        else:
            blocks.append([])
    return Markup("\n").join(_block(lines) for lines in blocks if lines)


def inline(text: str) -> Markup:
    """A line in which `this` is code."""
    made = Markup("")
    at = 0
    for found in _CODE.finditer(text):
        made += escape(text[at : found.start()]) + Markup("<code>{}</code>").format(found[1] or found[2])
        at = found.end()
    return made + escape(text[at:])


def _block(lines: list[str]) -> Markup:
    if all(line.startswith("    ") for line in lines):
        return Markup('<pre tabindex="0" aria-label="Listing">{}</pre>').format("\n".join(line[4:] for line in lines))
    parts = []
    for listed, group in groupby(_items(lines), key=lambda item: item[0]):
        texts = [inline(words) for _, words in group]
        if listed:
            parts.append(Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(words) for words in texts)))
        else:
            parts += [Markup("<p>{}</p>").format(words) for words in texts]
    return Markup("\n").join(parts)


def _items(lines: list[str]) -> list[tuple[bool, str]]:
    """(whether it is an item of a list, its words) of what the lines of a block say."""
    found: list[tuple[bool, str]] = []
    for line in lines:
        mark = _ITEM.match(line.lstrip())
        if mark is not None:
            found.append((True, line.lstrip()[mark.end() :]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            found.append((False, line.strip()))
    return found
