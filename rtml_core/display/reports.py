"""The parity gate: what it compared, and the rows in which authored and compiled are furthest apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from rtml_core.display.parameters import rows_of, text_of
from rtml_core.display.pruned import pruned
from rtml_core.display.tables import folded, parts, table, text
from rtml_core.display.wording import count
from rtml_core.errors import ParityError
from rtml_core.parity import Report
from rtml_core.parity_compare import ComparedRow

#: characters of an input row that stand in the table, and of an answer
_ROW: Final = 70
_HEAD: Final = ("row", "output", "authored", "compiled", "deviation", "the row")


def head(report: Report) -> Markup:
    """What the gate did, in a line."""
    said = str(report)
    return Markup('<p><span class="good">✓</span> {}</p>').format(text(said[0].upper() + said[1:]))


def body(report: Report) -> Markup:
    """What the gate did, and the rows in which a tolerance allowed most, if any."""
    return head(report) + worst(report)


def worst(report: Report) -> Markup:
    """The answers that deviate most."""
    if not report.worst:
        return Markup('<p class="soft">Every answer is equal bit by bit.</p>')
    told = Markup('<p class="soft">Equal within the tolerances that operators declare. {}:</p>')
    what = f"The {count(len(report.worst), 'answer')} that deviate most" if len(report.worst) > 1 else "The answer that deviates"
    return told.format(what) + rows_table("Answers that deviate most", report.worst)


def body_of_error(error: ParityError) -> Markup:
    """The error, and the rows that it is about."""
    said = Markup('<ul class="notes"><li class="bad">{}</li></ul>').format(text(error))
    return said + (rows_table("Rows that differ", error.rows) if error.rows else Markup(""))


def rows_table(label: str, rows: Sequence[ComparedRow]) -> Markup:
    """Compared rows, the worst first."""
    lines = [
        (
            f"{row.row:,} ({row.origin})",
            row.output,
            _answer(row.authored),
            _answer(row.compiled),
            _deviation(row),
            _inputs(row.inputs),
        )
        for row in rows
    ]
    return table(label, _HEAD, lines, numbers={2, 3, 4})


def _answer(value: Any) -> Any:
    """An answer in full: what differs may be its last digit."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    told = repr(value) if isinstance(value, (float, int, str)) else str(value)
    return (
        told
        if len(told) <= _ROW
        else folded(told[:_ROW].rstrip() + "…", Markup('<pre tabindex="0">{}</pre>').format(text(told[:20_000])))
    )


def _deviation(row: ComparedRow) -> str:
    """How far both are apart: in relative terms, unless that says nothing."""
    if row.deviation is None:
        return "-"
    if row.authored == 0:
        return f"{abs(row.compiled):.2g} from 0"
    return f"{row.deviation:.2g}"


def _inputs(inputs: Mapping[str, Any]) -> Markup:
    """A row: its beginning, and all of it unfolded."""
    told = ", ".join(f"{name}: {_field(value)}" for name, value in list(inputs.items())[:12])
    if len(told) <= _ROW and len(inputs) <= 12:
        return text(told)
    return folded(told[:_ROW].rstrip() + "…", parts(rows_of({name: _json(value) for name, value in inputs.items()})))


def _field(value: Any) -> str:
    return text_of(pruned(_json(value)))[:60]


def _json(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
