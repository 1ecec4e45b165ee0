"""The page of a service: what it is, and its signature as a form to try it."""

from __future__ import annotations

from starlette.responses import Response

from rtml_plugins.hub.gallery import forms, inputs
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.subject import Subject, subject_of


@page("/services/{name}")
def service(view: View, name: str) -> Response:
    """The page; for htmx its form alone. ?version= another version than by traffic; ?region=; ?row= a row of the package."""
    subject = subject_of(view, name, view.query)
    row = view.query.get("row", "")
    number = int(row) if row.isdecimal() and len(row) < 10 else None
    filled = filled_in(subject, number)
    form = inputs.form(subject.package, subject.manifest, filled)
    return subject.render(form, forms.row(subject.manifest, filled), next_row=1 if number is None else number + 1)


def filled_in(subject: Subject, row: int | None) -> forms.Filled:
    """What the form holds at first: values as they were in training, or the row of this number of the package."""
    manifest = subject.manifest
    if row is not None:
        rows = subject.rows
        if rows:
            return forms.of_row(manifest, rows[(row - 1) % len(rows)])
    there = subject.rows[:1] if manifest.baseline is None else ()
    return forms.first(manifest, *there)
