"""Figures as text: tables for the terminal and for README.md, bars with passed or missed."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

README: Final = Path(__file__).with_name("README.md")
_BEGIN: Final = "<!-- figures: begin -->"
_END: Final = "<!-- figures: end -->"
_PACKAGES: Final = (
    *("rtml", "onnxruntime", "onnxruntime-extensions", "onnx", "skl2onnx", "scikit-learn", "pandas", "numpy", "msgspec"),
)


@dataclass
class Bar:
    """A promise about a figure: `value` must be at most (or at least) `limit`."""

    what: str
    value: float
    limit: float
    at_most: bool = True
    unit: str = ""

    @property
    def passed(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def cells(self) -> tuple[str, ...]:
        sign = "at most" if self.at_most else "at least"
        result = "passed" if self.passed else "MISSED"
        return self.what, f"{sign} {self.limit:g}{self.unit}", f"{self.value:.3g}{self.unit}", result


@dataclass
class Report:
    """Sections of a run, in order, and the bars."""

    sections: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
        """Add a table, and print it at once so that a person sees the run going on."""
        section = f"### {title}\n\n{markdown(header, rows)}\n" + (f"\n{note}\n" if note else "")
        self.sections.append(section)
        print(f"\n{section}", flush=True)

    def finish(self) -> None:
        """Add the bars in front and the versions at the end."""
        self.table("Bars", ("promise", "bar", "measured", "result"), [bar.cells for bar in self.bars])
        self.sections.insert(0, self.sections.pop())
        rows = [("python", platform.python_version()), *((name, version(name)) for name in _PACKAGES)]
        self.table("Versions", ("package", "version"), rows)

    def write(self, path: Path = README) -> None:
        """Replace what stands between the markers of the page; raises ValueError when the markers are not there."""
        text = path.read_text()
        before, begin, rest = text.partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if not begin or not end:
            raise ValueError(f"{path.name} must hold the lines {_BEGIN} and {_END}; put them where the figures belong")
        path.write_text("\n".join([before + _BEGIN, *self.sections, _END + after]))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, numbers to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    right = [i > 0 and all(row[i][:1].isdigit() or row[i] in ("", "-") for row in rows) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(f" {'-' * (w - 1)}: " if r else f" {'-' * w} " for w, r in zip(widths, right, strict=True))
    return "\n".join([line(header), f"|{rule}|", *map(line, rows)])


def microseconds(seconds: float) -> str:
    """Seconds as microseconds with three digits or more."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def times(ratio: float) -> str:
    """A ratio with two or three digits."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
