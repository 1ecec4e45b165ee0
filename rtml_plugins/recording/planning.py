"""Which steps a graph needs, in which order, which of them are said inside of others, and what all columns are called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from rtml_core.errors import RtmlError
from rtml_plugins.recording.expressions import Tree, can_stand, leaves
from rtml_plugins.recording.forms import Expression, Method
from rtml_plugins.recording.tape import Tape
from rtml_plugins.recording.values import Names, Step, Value

#: an expression longer than this is easier to read in two nodes
_LONG: Final = 90


class Plan:
    """What a graph of these last columns is made of.

    `emitted`: the steps in order; `inlined`: values that stand as expressions inside of others; `names`: the column of each
    value; `last`: the position of the step that needs it last, infinite for a last column; `needed`: values without a step that
    are read.
    """

    def __init__(self, tape: Tape, final: Mapping[str, Value], *, inline: bool):
        self.final = dict(final)
        live = _live(tape, final.values())
        self.inlined: dict[Value, Tree] = {}
        if inline:
            self._inline(live)
        self.emitted = [step for step in live if not any(value in self.inlined for value in step.outputs)]
        self.position = {step: place for place, step in enumerate(self.emitted)}
        self.last = self._last(tape)
        self.needed = {value for value in tape.sources.values() if self.last[value] >= 0}
        if not self.needed:
            first = next(value for value in tape.sources.values() if value.refusal is None)
            self.needed, self.last[first] = {first}, math.inf
        self.names = self._named(tape)

    # ---- inside of others -----------------------------------------------------------------------------------------------

    def _inline(self, live: list[Step]) -> None:
        users: dict[Value, list[Step]] = {}
        for step in live:
            for value in step.inputs:
                users.setdefault(value, []).append(step)
        for step in live:
            if not isinstance(step.form, Expression) or len(step.outputs) != 1:
                continue
            (value,) = step.outputs
            found = users.get(value, [])
            if value in self.final.values() or len(found) != 1 or not found[0].form.takes_expression(value):
                continue
            self.inlined[value] = step.form.tree
            if not self._reads_well(found[0]):
                del self.inlined[value]

    def _reads_well(self, step: Step) -> bool:
        """Whether a step with all that stands inside of it compiles, means the same and is short enough."""
        from rtml_core.columns import Schema

        inputs = self.inputs(step)
        stand_ins = {value: value.hint if value.step is None else f"{value.shown} {place}" for place, value in enumerate(inputs)}
        if len(set(stand_ins.values())) < len(stand_ins):
            return False
        names = Names(stand_ins, self.inlined)
        out = [f"out {place}" for place in range(len(step.outputs))]
        try:
            if any(len(names.text(value)) > _LONG for value in [*step.inputs, *step.outputs] if value in self.inlined):
                return False
            schema = Schema(value.column.renamed(stand_ins[value]) for value in inputs if value.column is not None)
            for operator in step.form.build(names, out):
                schema = operator.schema(schema)
        except RtmlError:
            return False
        return all(
            value.column is not None
            and schema[name].dtype == value.column.dtype
            and schema[name].nullable == value.column.nullable
            for value, name in zip(step.outputs, out, strict=True)
        )

    def inputs(self, step: Step) -> list[Value]:
        """The columns that a step reads, those of the expressions inside of it among them."""
        found: dict[Value, None] = {}

        def add(value: Value) -> None:
            if value in self.inlined:
                for leaf in leaves(self.inlined[value]):
                    add(leaf)
            else:
                found[value] = None

        for value in step.form.needs:
            add(value)
        return list(found)

    # ---- lives and names ------------------------------------------------------------------------------------------------

    def _last(self, tape: Tape) -> dict[Value, float]:
        last: dict[Value, float] = dict.fromkeys(tape.sources.values(), -math.inf)
        for step in self.emitted:
            for value in step.outputs:
                last[value] = self.position[step]
        for step in self.emitted:
            for value in self.inputs(step):
                last[value] = max(last[value], self.position[step])
        for value in self.final.values():
            last[value] = math.inf
        return last

    def _named(self, tape: Tape) -> dict[Value, str]:
        """A name for each value: the one that it has at the end where that is free, else one that it was given, else its hint."""
        wanted: dict[Value, str] = {}
        for name, value in self.final.items():
            wanted.setdefault(value, name)
        names = {value: value.hint for value in self.needed}
        spans: dict[str, list[tuple[float, float]]] = {value.hint: [(-1, self.last[value])] for value in self.needed}
        made = [value for step in self.emitted for value in step.outputs]
        reserved = {*tape.frame.columns, *tape.labels, *self.final}

        in_expressions = {value for step in self.emitted for value in self.inputs(step) if step.form.writes_expressions}

        def take(value: Value, name: str) -> bool:
            assert value.step is not None
            if value in in_expressions and not can_stand(name):
                return False
            begin = self.position[value.step]
            end = max(self.last[value], begin + 0.5)
            if any(begin < other_end and other_begin < end for other_begin, other_end in spans.get(name, ())):
                return False
            spans.setdefault(name, []).append((begin, end))
            names[value] = name
            return True

        for value in made:
            if value in wanted:
                take(value, wanted[value])
        for value in made:
            if value not in names:
                any(take(value, name) for name in reversed(value.assigned))
        for value in reversed(made):  # what only leads to another column bears its name: brand = brand.str.lower().fillna("none")
            follower = self._only_follower(value)
            if value not in names and follower in names:
                take(value, names[follower])
        for value in made:
            if value in names:
                continue
            base, number = value.hint, 2
            name = base
            while name in reserved or not take(value, name):
                name, number = f"{base}_{number}", number + 1
        return names

    def _only_follower(self, value: Value) -> Value | None:
        """The one column that a method makes of a value, if nothing else needs the value."""
        users = [step for step in self.emitted if value in self.inputs(step)]
        if len(users) != 1 or value in self.final.values() or len(users[0].outputs) != 1:
            return None
        form = users[0].form
        return users[0].outputs[0] if isinstance(form, Method) and form.value is value and form.inputs == [value] else None


def _live(tape: Tape, final: Iterable[Value]) -> list[Step]:
    """The steps that something needs, in their order."""
    wanted = {value.step for value in final if value.step is not None}
    live: list[Step] = []
    for step in reversed(tape.steps):
        if step in wanted:
            live.append(step)
            wanted |= {value.step for value in step.form.needs if value.step is not None}
    return live[::-1]
