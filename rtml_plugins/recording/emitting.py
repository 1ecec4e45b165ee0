"""From the tape to a graph: which steps are needed, what their columns are called, and a last comparison of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from rtml_core import Operator
from rtml_core.columns import Schema, signature_spec
from rtml_core.errors import RtmlError, close_match, listing
from rtml_core.graph import Graph
from rtml_plugins.recording.comparing import difference
from rtml_plugins.recording.errors import RecordingError, refuse
from rtml_plugins.recording.forms import Dummies, Method
from rtml_plugins.recording.planning import Plan
from rtml_plugins.recording.tape import Tape, tidy
from rtml_plugins.recording.values import Names, Step, Value

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Emitted:
    """Operators of one or several steps, in order, and what each of their values is called."""

    operators: list[Operator]
    steps: list[Step]
    out: dict[Value, str]
    id: str


def graph_of(tape: Tape, values: Mapping[Any, Value], native: pd.DataFrame) -> Graph:
    """A graph whose last columns are these values. Raises RecordingError for a column that no request can bring."""
    final = _final(tape, values, native)
    try:
        plan, emitted = _proved(tape, final, inline=True)
    except RtmlError:  # step by step it is said as it was written
        plan, emitted = _proved(tape, final, inline=False)
    graph = Graph()
    last = graph.add(receiver(tape, plan), "receiver")
    for part in emitted:
        for operator in part.operators:
            name = graph.add(operator, _fresh(part.id, graph))
            graph.connect(last, name)
            last = name
    return graph


def _proved(tape: Tape, final: Mapping[str, Value], *, inline: bool) -> tuple[Plan, list[Emitted]]:
    """The operators, compared with pandas on all rows, once."""
    plan = Plan(tape, final, inline=inline)
    emitted = emit(tape, plan, final)
    key = (inline, *((name, id(value)) for name, value in final.items()), *(field.spec for field in tape.fields.values()))
    if key not in tape.proved:
        compare(tape, plan, emitted)
        tape.proved.add(key)
    return plan, emitted


def _fresh(wanted: str, graph: Graph) -> str:
    name, number = wanted, 2
    while name in graph.nodes:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _final(tape: Tape, values: Mapping[Any, Value], native: pd.DataFrame) -> dict[str, Value]:
    """The columns at the end, by name, without labels."""
    if tape.unseen:
        refuse_label(tape, native)
    final: dict[str, Value] = {}
    for name, value in values.items():
        if value.is_label:
            continue
        if value.refusal is not None:
            refuse(f"{value.refusal}. Before .graph, leave the column out: t = t.drop(columns=[{name!r}])")
        if str(name) in final:
            refuse(f"two columns are called '{name}'; rename one of them")
        final[str(name)] = value
    if not final:
        refuse("no column is left that a graph could give; keep at least one beside the label")
    return final


def refuse_label(tape: Tape, native: pd.DataFrame) -> NoReturn:
    """Raise RecordingError for a label that is nowhere."""
    names, label = [str(name) for name in native.columns], tape.unseen[0]
    refuse(f"the label '{label}' is no column of the frame. It has: {listing(names)}.{close_match(label, names)}")


def receiver(tape: Tape, plan: Plan) -> Operator:
    """The Receiver of the fields that the graph needs."""
    from rtml_plugins.flow.receiver import Receiver

    fields = [tape.fields[name] for name in tape.fields if tape.sources[name] in plan.needed]
    others = len(fields) < len(tape.sources)  # rows as the frame has them may hold the label, and columns that nobody needs
    return Receiver(schema=signature_spec(fields), extra="ignore" if others else "refuse")


def emit(tape: Tape, plan: Plan, final: Mapping[str, Value]) -> list[Emitted]:
    """The operators behind the Receiver. Raises RtmlError for what does not compile as a whole."""
    emitted: list[Emitted] = []
    for group in grouped(plan):
        names = Names(plan.names, plan.inlined, [v for v in plan.inputs(group[0]) if plan.last[v] <= plan.position[group[0]]])
        out = {value: plan.names[value] for step in group for value in step.outputs}
        if len(group) == 1:
            operators = group[0].form.build(names, list(out.values()))
        else:
            forms = [step.form for step in group]
            assert all(isinstance(form, Method) for form in forms)
            columns = [names.name(step.form.value) for step in group]  # type: ignore[attr-defined]
            operators = [forms[0].node(columns, dict(forms[0].kwargs), list(out.values()))]  # type: ignore[attr-defined]
        emitted.append(Emitted(operators, group, out, _id(group, out)))
    schema = Schema(tape.fields[name].column for name in tape.fields if tape.sources[name] in plan.needed)
    for part in emitted:
        for operator in part.operators:
            try:
                schema = operator.schema(schema)
            except RtmlError as error:
                raise RecordingError(f"{part.steps[0].place}\n{error}") from error
    return [*emitted, *_finished(tape, plan, final, list(schema))]


def _id(group: Sequence[Step], out: Mapping[Value, str]) -> str:
    """The id of a node: what it makes that somebody named, or else what it does."""
    form = group[0].form
    if isinstance(form, Dummies):
        return tidy(f"{form.value.shown}_dummies")
    if isinstance(form, Method) and len(group) > 1:
        return tidy(form.name)
    named = [name for value, name in out.items() if value.assigned]
    return tidy([*named, *out.values()][0])


def grouped(plan: Plan) -> list[list[Step]]:
    """Steps that one node may do together: the same method on several columns, one directly behind the other."""
    groups: list[list[Step]] = []
    for step in plan.emitted:
        if groups and groups[-1][0].form.merged(step.form) and _apart(plan, groups[-1], step):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _apart(plan: Plan, group: Sequence[Step], step: Step) -> bool:
    """Whether a step reads nothing that the group writes, and each writes one column of its own."""
    if any(len(item.outputs) != 1 for item in (*group, step)):
        return False
    written = [plan.names[item.outputs[0]] for item in group]
    read = [plan.names[item.inputs[0]] for item in group]
    own, target = plan.names[step.inputs[0]], plan.names[step.outputs[0]]
    return own not in written and target not in written and own not in read


def _finished(tape: Tape, plan: Plan, final: Mapping[str, Value], present: list[str]) -> list[Emitted]:
    """What makes exactly the last columns of what there is: copies, a drop or a filter, and names.

    A training frame brings its label along, which has to stay, and columns that are no fields, which have to go.
    """
    from rtml_plugins.pandas_ops.node import Pandas

    kept: dict[str, str] = {}  # where it is -> what it is called at the end
    copies: dict[str, Any] = {}
    for name, value in final.items():
        place = plan.names[value]
        if place in kept:
            copy = name if name not in present else f"{name} copy"
            copies[copy] = {"column": place}
            place = copy
        kept[place] = name
    made: list[Emitted] = []
    if copies:
        made.append(Emitted([Pandas(import_="assign", kwargs=copies)], [], {}, "copies"))
        present = [*present, *copies]
    spare = [name for name in present if name not in kept]
    strangers = [name for name in tape.frame.columns if name not in (*present, *tape.labels)]
    if [name for name in present if name in kept] != list(kept):
        made.append(Emitted([Pandas(import_="filter", kwargs={"items": [*kept, *tape.labels]})], [], {}, "columns"))
    elif spare or strangers:
        kwargs = {"columns": [*spare, *strangers], **({"errors": "ignore"} if strangers else {})}
        made.append(Emitted([Pandas(import_="drop", kwargs=kwargs)], [], {}, "drop"))
    renamed = {place: name for place, name in kept.items() if place != name}
    if renamed:
        made.append(Emitted([Pandas(import_="rename", kwargs={"columns": renamed})], [], {}, "rename"))
    return made


def compare(tape: Tape, plan: Plan, emitted: Sequence[Emitted]) -> None:
    """Run the operators on the training frame. Raises RecordingError at the line whose column differs from what pandas gave."""
    from rtml_core.frames import canonical

    frame = canonical(receiver(tape, plan).process(tape.frame[[n for n in tape.fields if tape.sources[n] in plan.needed]]).data)
    for part in emitted:
        place = part.steps[0].place if part.steps else None
        for operator in part.operators:
            try:
                frame = canonical(operator.process(frame).data)
            except RtmlError as error:
                refuse(error, place)
        for step in part.steps:
            for value in step.outputs:
                found = difference(value.native, frame[part.out[value]]) if plan.last[value] > plan.position[step] else None
                if found is not None:
                    refuse(f"column '{part.out[value]}' can't be recorded: {found}", step.place)
    for name, value in plan.final.items():
        found = difference(value.native, frame[name])
        if found is not None:
            refuse(f"column '{name}' can't be recorded: {found}", value.step.place if value.step is not None else None)
