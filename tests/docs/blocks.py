"""The fenced blocks of a page of the documentation, in order, as things to run.

What a page may hold, and what becomes of it in the tests:

    ```python                 run; all blocks of a page share one namespace
    ```text                   right after a python block: what that block prints, or the error it ends with
    ```console                lines that start with "$ " are run by bash, the lines below each are what it prints
    ```{code-block} json      with ":caption: NAME": written to the file NAME
    ```sh and all others      shown only

"..." in what is printed stands for any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<info>.*)$")
_CAPTION = re.compile(r"^:caption:\s*(?P<name>\S+)\s*$")
_OPTION = re.compile(r"^:[\w-]+:")


@dataclass(frozen=True)
class Fence:
    """A fenced block as it stands in the page: info string, lines, number of its first line, and what is above it."""

    info: str
    lines: tuple[str, ...]
    line: int
    follows: int | None

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Python:
    """Python to run. `expected` is what the page says it prints; None when the page shows nothing."""

    source: str
    line: int
    expected: str | None


@dataclass(frozen=True)
class Command:
    """One shell command and what the page says it prints."""

    source: str
    line: int
    expected: str


@dataclass(frozen=True)
class File:
    """A file that the reader is told to write."""

    name: str
    text: str
    line: int


Block = Python | Command | File


def blocks(page: Path) -> list[Block]:
    """What a page tells the reader to do, in order."""
    found: list[Block] = []
    fences = _fences(page.read_text().splitlines())
    for number, fence in enumerate(fences):
        if fence.info == "python":
            after = fences[number + 1] if number + 1 < len(fences) else None
            shown = after is not None and after.info == "text" and after.follows == number
            found.append(Python(fence.text, fence.line, after.text if after is not None and shown else None))
        elif fence.info == "console":
            found.extend(_commands(fence))
        elif fence.info.startswith("{code-block}"):
            found.extend(_file(fence))
    return found


def _fences(lines: list[str]) -> list[Fence]:
    found: list[Fence] = []
    at = 0
    between = False
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            between = between or bool(lines[at].strip())
            at += 1
            continue
        start = at + 1
        end = next(i for i in range(start, len(lines)) if lines[i].strip() == opening["ticks"])
        follows = None if between or not found else len(found) - 1
        found.append(Fence(opening["info"].strip(), tuple(lines[start:end]), start + 1, follows))
        at, between = end + 1, False
    return found


def _commands(fence: Fence) -> list[Command]:
    found: list[Command] = []
    lines = list(fence.lines)
    at = 0
    while at < len(lines):
        if not lines[at].startswith("$ "):
            raise ValueError(f"line {fence.line + at}: a console block starts with '$ '; got {lines[at]!r}")
        first = at
        source = [lines[at][2:]]
        while source[-1].endswith("\\") and at + 1 < len(lines):
            at += 1
            source.append(lines[at])
        at += 1
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        found.append(Command("\n".join(source), fence.line + first, "".join(f"{line}\n" for line in shown)))
    return found


def _file(fence: Fence) -> list[File]:
    name = next((match["name"] for match in map(_CAPTION.match, fence.lines) if match), None)
    if name is None:
        return []
    body = list(fence.lines)
    while body and (_OPTION.match(body[0]) or not body[0].strip()):
        body.pop(0)
    return [File(name, "\n".join(body) + "\n", fence.line)]
