"""`rtml plugins check`: custom ONNX operators run in onnxruntime as their references do on numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtml_core.cli.plugin_check_findings import RAISED, Finding, Subject, said
from rtml_core.cli.tables import plural
from rtml_core.errors import listing

if TYPE_CHECKING:
    from rtml_core.custom_ops import CustomOp


def check_custom_ops(subject: Subject) -> Iterator[Finding]:
    """Each custom operator that the plugin brings."""
    untried = []
    for op, origin in subject.known.custom_ops.entries():
        if origin.plugin != subject.info.name:
            continue
        if op.cases is None and op.arguments:
            untried.append(str(op))
        else:
            yield from _one(op, subject)
    if untried:
        cure = 'declare cases="module:function", which returns tuples of columns with the arguments behind them'
        what = "not tried, as there are no cases that give the arguments"
        yield Finding("warning", "custom ops", listing(untried), what, cure)


def _one(op: CustomOp, subject: Subject) -> Iterator[Finding]:
    from rtml_core.custom_ops.native import library_path, platform
    from rtml_core.testing import assert_custom_op

    where = f"{op} ({op.kind})"
    if op.kind == "native" and library_path(op) is None:
        what = f"its library {op.library} is not built for {platform()}, so it was not tried"
        yield Finding("warning", "custom ops", where, what, "install the package where there is a C compiler: pip install -e .")
        return
    try:
        rows = assert_custom_op(op)
    except RAISED as error:  # anything may come out of a stranger's body
        cure = "the reference (body) and what runs in onnxruntime must say the same for every row"
        yield Finding("error", "custom ops", where, said(error, subject.files), cure)
        return
    yield Finding("ok", "custom ops", where, f"{plural(rows, 'row')} as its reference answers")
