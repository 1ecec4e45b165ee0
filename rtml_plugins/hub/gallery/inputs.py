"""The inputs of a form as its template draws them: what is in each, what was seen there in training, what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rtml_core.baseline import ColumnBaseline
from rtml_core.display.wording import number
from rtml_core.package import FieldEntry, Manifest
from rtml_plugins.hub.gallery import forms
from rtml_plugins.hub.gallery.rendering import percent

#: texts longer than this, or of several lines, get a text area
_LONG: Final = 80
#: suggestions of a text
_MOST: Final = 50
_KINDS: Final = {"float": "number", "int": "whole number", "bool": "yes or no", "string": "text", "timestamp": "time (UTC)"}


@dataclass(frozen=True, slots=True)
class Option:
    """An entry of a list."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a value, as the edge said it."""

    expected: str
    got: str

    def __str__(self) -> str:
        return f"expected {self.expected}; got {self.got}"

    @property
    def sentence(self) -> str:
        return f"Expected {self.expected}; got {self.got}."


@dataclass(frozen=True, slots=True)
class Input:
    """An input. kind: of the element; options: of a list, or of whether there is a value (how) when the element is another one.
    step: of a number by the keys of arrows. used: whether an output depends on the field."""

    name: str
    id: str
    how_id: str
    kind: Literal["list", "number", "text", "long", "time"]
    words: str
    value: str
    options: tuple[Option, ...]
    how: tuple[Option, ...]
    state: str
    suggestions: tuple[str, ...]
    step: str
    hint: str
    doc: str
    used: bool
    wrong: Wrong | None
    first_wrong: bool

    @property
    def described(self) -> str:
        """ids of what describes it, for aria-describedby."""
        parts = [*([f"{self.id}-wrong"] if self.wrong else []), *([f"{self.id}-hint"] if self.hint or self.doc else [])]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Form:
    """A form. fields: those that outputs depend on; unused: the others. general: what is wrong that no field has."""

    package: str
    fields: tuple[Input, ...]
    unused: tuple[Input, ...]
    general: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[Input, ...]:
        """The inputs that hold something wrong, in the order of the page."""
        return tuple(one for one in (*self.fields, *self.unused) if one.wrong is not None)

    @property
    def wide(self) -> bool:
        """Whether there are so many that one wants to filter them."""
        return len(self.fields) + len(self.unused) > 12


def form(package: str, manifest: Manifest, filled: forms.Filled, errors: Sequence[Mapping[str, Any]] = ()) -> Form:
    """The form of a package. errors: of the edge's problem document; what they say is shown at the field they point to."""
    wrong, general = located(manifest, errors)
    known = forms.baselines(manifest)
    order = sorted(range(len(manifest.fields)), key=lambda at: manifest.fields[at].tensor is None)
    first = next((at for at in order if manifest.fields[at].name in wrong), None)
    made = {}
    for at, entry in enumerate(manifest.fields):
        made[at] = _input(at, entry, filled[entry.name], known.get(entry.name), wrong.get(entry.name), at == first)
    return Form(
        package,
        tuple(made[at] for at in order if made[at].used),
        tuple(made[at] for at in order if not made[at].used),
        tuple(general),
    )


def located(manifest: Manifest, errors: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Wrong], list[str]]:
    """The first error of each field by its name, and what is wrong elsewhere. An error points to its field by a JSON pointer
    (RFC 6901) into a bare row."""
    names = {entry.name for entry in manifest.fields}
    wrong: dict[str, Wrong] = {}
    general = []
    for error in errors:
        at, expected, got = (str(error.get(key, "")) for key in ("at", "expected", "got"))
        name = at[1:].replace("~1", "/").replace("~0", "~")
        if name in names:
            wrong.setdefault(name, Wrong(expected, got))
        else:
            general.append(f"{at}: expected {expected}; got {got}" if at not in ("", "/") else f"expected {expected}; got {got}")
    return wrong, general


def _input(
    at: int, entry: FieldEntry, typed: forms.Typed, column: ColumnBaseline | None, wrong: Wrong | None, first_wrong: bool
) -> Input:
    listed = forms.is_choice(entry)
    identity = forms.value_name(at)
    return Input(
        name=entry.name,
        id=identity,
        how_id=forms.how_name(at),
        kind=_kind(entry, typed),
        words=_KINDS[entry.type] if not entry.categories else f"one of {len(entry.categories)}",
        value=typed.text,
        options=_options(entry, typed) if listed else (),
        how=() if listed else _how(entry, typed),
        state=typed.how,
        suggestions=_suggestions(entry, column),
        step=_step(entry, column),
        hint=hint(entry, column),
        doc=entry.doc,
        used=entry.tensor is not None,
        wrong=wrong,
        first_wrong=first_wrong,
    )


def _kind(entry: FieldEntry, typed: forms.Typed) -> Literal["list", "number", "text", "long", "time"]:
    if forms.is_choice(entry):
        return "list"
    if entry.type == "timestamp":
        return "time"
    if entry.type in ("float", "int"):
        return "number"
    return "long" if len(typed.text) > _LONG or "\n" in typed.text else "text"


def _options(entry: FieldEntry, typed: forms.Typed) -> tuple[Option, ...]:
    """What a list holds. What is typed and no entry of it is an entry of its own, so that it is seen with what is wrong."""
    chosen = forms.option_of(entry, typed)
    entries = [("true", "yes (true)"), ("false", "no (false)")]
    if entry.categories is not None:
        entries = [(f"c{at}", category if category.strip() else repr(category)) for at, category in enumerate(entry.categories)]
    if chosen == "":
        entries.append((typed.text, repr(typed.text)))
        chosen = typed.text
    return tuple(Option(value, label, value == chosen) for value, label in (*entries, *_absent(entry, typed)))


def _how(entry: FieldEntry, typed: forms.Typed) -> tuple[Option, ...]:
    absent = _absent(entry, typed)
    if not absent:
        return ()
    return tuple(Option(value, label, value == typed.how) for value, label in ((forms.VALUE, "value"), *absent))


def _absent(entry: FieldEntry, typed: forms.Typed) -> list[tuple[str, str]]:
    """The ways to have no value; also one that the field does not take, when it was taken."""
    missing = [(forms.MISSING, "missing")] if entry.nullable or typed.how == forms.MISSING else []
    left = [(forms.LEFT_OUT, "left out")] if entry.optional or typed.how == forms.LEFT_OUT else []
    return [*missing, *left]


def _short(value: Any) -> str:
    text = "missing" if value is None else forms.text_of(value)
    text = text if text.strip() else repr(text)
    return text if len(text) <= 30 else f"{text[:30]}..."


def _suggestions(entry: FieldEntry, column: ColumnBaseline | None) -> tuple[str, ...]:
    if entry.type != "string" or forms.is_choice(entry):
        return ()
    if entry.categories is not None:
        return entry.categories
    if column is None or column.kind != "category":
        return ()
    return tuple(value for value in column.values if value)[:_MOST]


def _step(entry: FieldEntry, column: ColumnBaseline | None) -> str:
    """How far an arrow key goes: a power of ten, about a tenth of the middle half of the training."""
    if entry.type not in ("float", "int"):
        return ""
    if entry.type == "int" or column is None or column.whole or len(column.quantiles) != 7:
        return "1"
    width = column.quantiles[4] - column.quantiles[2]
    return f"{10.0 ** max(-9, math.floor(math.log10(width / 10))):g}" if 0 < width < math.inf else "1"


def hint(entry: FieldEntry, column: ColumnBaseline | None) -> str:
    """What the field takes, and what was seen in training, in a sentence each."""
    parts = []
    low, high = entry.minimum, entry.maximum
    if low is not None and high is not None:
        parts.append(f"Takes {_figure(low)} to {_figure(high)}.")
    elif low is not None or high is not None:
        parts.append(f"Takes {'at least' if high is None else 'at most'} {_figure(low if high is None else high)}.")
    if entry.optional:
        parts.append(f"Left out it counts as {_short(entry.default)}.")
    if column is not None:
        seen = _seen(column)
        parts += [seen] if seen else []
        if column.missing and column.rows:
            parts.append(f"{percent(column.missing / column.rows)} were missing.")
    return " ".join(parts)


def _seen(column: ColumnBaseline) -> str:
    if column.kind == "category":
        total = sum(column.counts)
        common = sorted(zip(column.values, column.counts, strict=False), key=lambda pair: -pair[1])[:3]
        named = [
            f"{_short(value) if value.strip() else repr(value)} {percent(count / total)}" for value, count in common if count
        ]
        return f"Seen in training: {', '.join(named)}." if named else ""
    if len(column.quantiles) != 7 or not all(map(math.isfinite, column.quantiles)):
        return ""
    least, _, quarter, _, three, _, most = column.quantiles
    if column.kind == "time":
        first, last = forms.time_text(least), forms.time_text(most)
        return f"Seen in training: {first[:10]} to {last[:10]}." if first and last else ""
    if least == most:
        return f"Seen in training: always {_figure(least)}."
    return f"Seen in training: {_figure(least)} to {_figure(most)}, mostly {_figure(quarter)} to {_figure(three)}."


def _figure(value: float | None) -> str:
    return number(value) if value is None or abs(value) < 1e15 else f"{value:.6g}"
