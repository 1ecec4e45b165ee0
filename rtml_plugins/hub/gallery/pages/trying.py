"""POST .../try: a row is asked of an edge, as a program would, and what it answers is shown beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.responses import Response

from rtml_core.errors import InputError, RtmlError
from rtml_plugins.hub import choosing
from rtml_plugins.hub.api.errors import problem_of
from rtml_plugins.hub.gallery import answers, asking, drawing, forms, inputs, known
from rtml_plugins.hub.gallery.answered import Answer, Prediction, Refusal
from rtml_plugins.hub.gallery.answers import Told
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.snippets import path_of
from rtml_plugins.hub.gallery.subject import Subject, subject_of

#: problems of an edge that is asked for features and can't tell them: it is asked for the predictions alone
_NOT_EXPLAINED: Final = frozenset({"debug-off", "not-explained"})


@page("/services/{name}/try")
def again(view: View, name: str) -> Response:
    """Whoever loads the address of an answer again begins anew."""
    return view.redirect(f"/services/{name}")


@page("/services/{name}/try", methods=("POST",), scopes=("predict",))
def attempt(view: View, name: str) -> Response:
    """The form with the answer, or with what is wrong at the fields where it is."""
    subject = _as_shown(subject_of(view, name, view.form), view.form.get("package", ""))
    manifest = subject.manifest
    filled: forms.Filled = forms.read(manifest, view.form)
    row = forms.row(manifest, filled)
    if view.form.get("as") == "json":
        try:
            row, filled = forms.of_json(manifest, view.form.get("json", ""))
        except InputError as error:
            errors = [{"at": one.at, "expected": one.expected, "got": one.got} for one in error.problems]
            return subject.render(inputs.form(subject.package, manifest, filled, errors), row, 422, written=view.form.get("json"))
    row_number = view.form.get("next_row", "")
    next_row = int(row_number) if row_number.isdecimal() and len(row_number) < 10 else 1
    try:
        answer, note = ask(subject, row)
    except RtmlError as error:
        refused = problem_of(error)
        form = inputs.form(subject.package, manifest, filled)
        return subject.render(form, row, refused.status, problem=refused.detail, next_row=next_row)
    if isinstance(answer.document, Refusal):
        return _refused(subject, filled, row, answer.status, answer.document, next_row)
    told = _told(subject, row, answer, answer.document, note)
    return subject.render(inputs.form(subject.package, manifest, filled), row, told=told, next_row=next_row)


def _as_shown(subject: Subject, package: str) -> Subject:
    """The subject with the signature that the form was made of, which may have been replaced since: inputs go by position."""
    for version in subject.service.versions:
        if version.package == package and package != subject.package:
            return replace(subject, version=version, manifest=known.manifest(subject.view.at, package))
    return subject


def ask(subject: Subject, row: bytes) -> tuple[Answer, str]:
    """What an edge answers, and why it does not tell the features when it does not. Raises Problem."""
    view, name = subject.view, subject.service.name
    asker = asking.asker(view.at)
    asker.charge(view.caller)
    edges = choosing.choose(view.at.hub, subject.service, subject.region, view.at.settings.url, subject.number)
    path = path_of(name, subject.number)
    with asker.turn():
        answer = asker.ask(edges, name, f"{path}?explain=columns", row)  # which is counted apart: a try is nobody's visit
        refusal = answer.document if isinstance(answer.document, Refusal) else None
        if refusal is not None and refusal.kind in _NOT_EXPLAINED:
            return asker.ask([answer.edge], name, path, row), _cure(answer.edge.id, refusal)
    return answer, "" if view.may("debug", name) else "Features computed on the way are told to keys with the scope debug."


def _cure(edge: str, refusal: Refusal) -> str:
    if refusal.kind == "debug-off":
        return f"Edge '{edge}' does not tell features computed on the way: start it with --debug, or give the hub keys."
    return f"{refusal.detail[:1].upper()}{refusal.detail[1:]}."


def _refused(subject: Subject, filled: forms.Filled, row: bytes, status: int, refusal: Refusal, next_row: int) -> Response:
    """The form with what the edge refused: at its fields, and what no field is to blame for above it."""
    given = [msgspec.structs.asdict(error) for error in refusal.errors] if refusal.kind == "invalid-input" else []
    form = inputs.form(subject.package, subject.manifest, filled, given)
    problem = "" if form.wrong or form.general else refusal.detail or f"the edge answered {status}"
    return subject.render(form, row, status, problem=problem, request_id=refusal.request_id, next_row=next_row)


def _told(subject: Subject, row: bytes, answer: Answer, document: Prediction, note: str) -> Told:
    number = document.version
    version = next((one for one in subject.service.versions if one.version == number), subject.version)
    manifest = known.manifest(subject.view.at, version.package)
    (prediction,) = document.predictions
    told = Told(
        version=number,
        region=answer.edge.region,
        edge=answer.edge.id,
        url=answer.edge.url,
        seconds=answer.seconds,
        request_id=document.request_id,
        predictions=answers.predicted(manifest, prediction),
        note=note,
        with_features=document.columns is not None,
    )
    if note or not document.columns:
        return told
    values: dict[str, Mapping[str, Any]] = {one.node: one.columns for one in document.steps}
    values |= {drawing.REQUEST: msgspec.json.decode(row), drawing.ANSWER: prediction}
    return replace(
        told,
        explained=True,
        steps=answers.steps(document.steps),
        left_out=answers.left_out(document.left_out),
        picture=_picture(subject, version.package, number, values),
    )


def _picture(subject: Subject, package: str, number: int, values: Mapping[str, Mapping[str, Any]]) -> Any:
    """The graph with the values of the row; None for one that can't be drawn: the table tells them all."""
    try:
        drawn = drawing.graph_of(subject.view.at, package)
        return drawing.draw(drawn, service=subject.service.name, version=number, values=values)
    except drawing.NotDrawn:
        return None
