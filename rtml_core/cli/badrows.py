"""Rows that can't be scored: what is wrong with them, and where they are in their file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.errors import InputError, InputProblem

ROW: Final = "a row: an object of fields and values"
_PLACE: Final = re.compile(r"/(\d+)(/.*)?")


@dataclass
class BadRow:
    """A row that can't be scored. place: line (or row) of the file, from 1; row: what was read of it."""

    place: int
    problems: list[InputProblem]
    row: Any

    def described(self, name: str, unit: str) -> str:
        """One line: where it is, and all that is wrong with it."""
        return f"{name}, {unit} {self.place}: {'; '.join(_words(problem) for problem in self.problems)}"


def _words(problem: InputProblem) -> str:
    return str(problem) if problem.at != "/" else f"expected {problem.expected}, got {problem.got}"


def by_row(error: InputError) -> dict[int, list[InputProblem]]:
    """The problems of a batch by the index of the row, their places relative to it; raises the error when it is about no row."""
    found: dict[int, list[InputProblem]] = {}
    for problem in error.problems:
        match = _PLACE.fullmatch(problem.at)
        if match is None:
            raise error
        found.setdefault(int(match[1]), []).append(InputProblem(match[2] or "/", problem.expected, problem.got))
    return found
