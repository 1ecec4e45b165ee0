"""One entry of the sweep: fit, compile, score hard rows, and say what came of it.

The way is that of the parity gate: the operator ScikitLearn lowered alone, run by onnxruntime, against its own `transform`.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import pandas as pd
from onnxruntime_extensions import get_library_path
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from rtml_core.assemble import CHECKS, assemble
from rtml_core.columns import Schema
from rtml_core.errors import RtmlError
from rtml_core.frames import canonical, schema_of, to_carrier
from rtml_core.lowering.scratch import LoweredNode, lower_alone
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import differing, row_of, some_of_each
from rtml_plugins.sklearn_ops import ScikitLearn
from rtml_plugins.sklearn_ops.answers import class_list, kind_of
from rtml_plugins.sklearn_ops.edges import points
from rtml_plugins.sklearn_ops.fallback import answered_rows
from rtml_plugins.sklearn_ops.hard_rows import describe_inputs, hard_rows
from rtml_plugins.sklearn_ops.scikit import EXACT
from rtml_plugins.sklearn_ops.state import encode
from tests.sweep import data

#: rows that an entry is scored on, at most; and of those that one side refuses
_ROWS: Final = 500
_REFUSED: Final = 20


@dataclass(frozen=True)
class Entry:
    """One estimator with options, the kind of data it learns from and the kind of its label."""

    group: str
    estimator: Any
    kind: str
    target: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """How it is written: as scikit-learn prints it, with what is not the default; steps of a pipeline by arrows."""
        return self.title or written(self.estimator)

    @property
    def key(self) -> str:
        """What no other entry has."""
        return " | ".join(part for part in (self.name, self.kind, self.target) if part)


@dataclass(frozen=True)
class Outcome:
    """What came of an entry. status: exact, within, refused. reason: why, where it is not exact. parts: what it answers."""

    status: str
    reason: str = ""
    parts: str = ""


class Compiled:
    """A node lowered alone, as bytes of ONNX that are run on frames."""

    def __init__(self, node: LoweredNode):
        b = node.builder
        self.node = node
        outputs = {f"out:{name}": b.alias(b.take(s.tensor, [s.index])) for name, s in node.result.items()}
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        options.register_custom_ops_library(get_library_path())
        self.session = ort.InferenceSession(assemble(b, outputs).model, options, providers=["CPUExecutionProvider"])

    def run(self, frame: pd.DataFrame) -> tuple[dict[str, Any], Any]:
        """Arrays [N] by output column, and the row checks [N, c], None where there are none."""
        feed = {
            name: to_carrier(frame[name], column.dtype == "bool" and column.nullable)[:, None]
            for name, column in self.node.schema.items()
        }
        wanted = {item.name for item in self.session.get_inputs()}
        names = [item.name for item in self.session.get_outputs()]
        arrays = self.session.run(names, {name: array for name, array in feed.items() if name in wanted})
        found = dict(zip(names, arrays, strict=True))
        return {name: found[f"out:{name}"][:, 0] for name in self.node.result}, found.get(CHECKS)


class Different(AssertionError):
    """The compiled form answers something else than scikit-learn."""


def judge(entry: Entry) -> Outcome:
    """The outcome of an entry. Raises Different where authored and compiled differ; whatever is no RtmlError comes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            operator, rows = _learned(entry)
            operator, node, parts = _lowered(operator, _schema(entry, operator))
        except RtmlError as error:
            return Outcome("refused", shortened(str(error)))
        _compare(operator, Compiled(node), rows)
        _same_after_state(operator)
        _compare_beyond(operator, entry)
    if operator.tolerance != EXACT:
        return Outcome("within", f"{operator.tolerance[0]:g}: skl2onnx converts it, in float32", parts)
    return Outcome("exact", "", parts)


# ---- learning --------------------------------------------------------------------------------------------------------


def _learned(entry: Entry) -> tuple[ScikitLearn, pd.DataFrame]:
    """The fitted operator with every part that it can answer, and the rows to score."""
    frame, label = data.frame(entry.kind), data.target(entry.kind, entry.target)
    features = [str(name) for name in frame.columns]
    if label is not None and label.ndim == 2:
        fitted = clone(entry.estimator).fit(frame.astype("float64"), label)
        operator = ScikitLearn(model=fitted, features=features)
        inputs = describe_inputs(canonical(frame), frame)
        cases = hard_rows(inputs, points(fitted))
    else:
        learning = frame if label is None else frame.assign(label=label)
        operator = ScikitLearn(model=entry.estimator, features=features, label=None if label is None else "label")
        operator.fit(learning)
        found = operator.parity_cases()
        # a fitted estimator comes without rows like those it learned from
        cases = hard_rows(describe_inputs(canonical(frame), frame), points(operator.model())) if found is None else found
    own = _own(entry.kind)
    cases = cases.sample(min(len(cases), _ROWS), random_state=0)
    return operator, pd.concat([own, _alike(cases, own)], ignore_index=True)


@cache
def _own(kind: str) -> pd.DataFrame:
    return canonical(data.hard(kind))


def _alike(cases: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """The operator's own cases in the dtypes of the data, which differ where whole numbers have gaps."""
    return cases.astype({name: own[name].dtype for name in own.columns})


def _all_parts(model: Any) -> dict[str, str] | None:
    """Outputs for everything that a classifier can tell; None where the default is all there is."""
    if kind_of(model) != "classifier" or not (hasattr(model, "predict_proba") and hasattr(model, "decision_function")):
        return None
    classes = class_list(model)
    wanted = {"label": "label", **{f"probability_{c}": f"probability[{c}]" for c in classes}}
    if len(classes) == 2:
        return {**wanted, "decision": "decision"}
    return {**wanted, **{f"decision_{c}": f"decision[{c}]" for c in classes}}


def _schema(entry: Entry, operator: ScikitLearn) -> Schema:
    return schema_of(canonical(data.frame(entry.kind))[operator.features])


def _lowered(operator: ScikitLearn, schema: Schema) -> tuple[ScikitLearn, LoweredNode, str]:
    """The node with all parts that it can answer, else with those that it answers when nobody says."""
    wanted = _all_parts(operator.model())
    if wanted is not None:
        whole = ScikitLearn(model=operator.estimator, features=operator.features, label=operator.params.label, outputs=wanted)
        whole.state = operator.state
        try:
            return whole, lower_alone(whole, schema), _parts(wanted)
        except RtmlError:
            pass  # not all parts have an ONNX form; then those that are answered by default
    return operator, lower_alone(operator, schema), _parts({answer.name: answer.part for answer in operator.answers()})


def _parts(outputs: dict[str, str]) -> str:
    return ", ".join(dict.fromkeys(text.partition("[")[0] for text in outputs.values()))


# ---- comparing -------------------------------------------------------------------------------------------------------


def _compare(operator: ScikitLearn, compiled: Compiled, rows: pd.DataFrame) -> None:
    node, rows = compiled.node, rows.reset_index(drop=True)
    found, checks = compiled.run(rows)
    accepted = np.ones(len(rows), bool) if checks is None else checks.all(axis=1)
    refused = np.flatnonzero(~accepted) if checks is None else some_of_each(checks)
    refused = refused[:: max(1, len(refused) // _REFUSED)]
    for row in answered_rows(operator.transform, rows.iloc[refused]) if len(refused) else []:
        raise Different(f"compiled refuses a row that scikit-learn answers: {row_of(rows, int(refused[row]))}")
    kept = np.flatnonzero(accepted)
    authored = _authored(operator, rows, kept)
    if list(authored.columns) != list(node.result):
        raise Different(f"authored gives the columns {list(authored.columns)}, compiled {list(node.result)}")
    for name, symbolic in node.result.items():
        entry = OutputEntry(name, symbolic.dtype, name, 0, symbolic.nullable, *operator.tolerance)
        wrong, _ = differing(authored[name], found[name][kept], entry)
        if len(wrong):
            at = int(wrong[0])
            raise Different(
                f"'{name}' differs in {len(wrong)} of {len(kept)} rows; row {row_of(rows, int(kept[at]))}: authored"
                f" {authored[name].iloc[at]!r}, compiled {found[name][kept][at]!r}"
            )
    _compare_small(operator, compiled, rows, kept, found)


def _compare_beyond(operator: ScikitLearn, entry: Entry) -> None:
    """The same for columns that arithmetic before the model may have made infinite or NaN, which the lowering is told."""
    rows = data.infinite(entry.kind)
    if not len(rows):
        return
    columns = [replace(column, finite=column.dtype != "float64") for column in _schema(entry, operator).values()]
    try:
        node = lower_alone(operator, Schema(columns))
    except RtmlError:
        return  # such a graph is refused
    _compare(operator, Compiled(node), rows)


def _authored(operator: ScikitLearn, rows: pd.DataFrame, kept: Any) -> pd.DataFrame:
    """What scikit-learn answers to the rows that the compiled form accepts; it has to accept them, too."""
    try:
        return canonical(operator.transform(rows.iloc[kept]))
    except (ValueError, TypeError, RtmlError) as error:
        answered = set(answered_rows(operator.transform, rows.iloc[kept]))
        first = next((i for i in range(len(kept)) if i not in answered), None)
        where = "all rows together" if first is None else str(row_of(rows, int(kept[first])))
        raise Different(f"scikit-learn refuses what compiled answers ({error}): {where}") from error


def _compare_small(operator: ScikitLearn, compiled: Compiled, rows: pd.DataFrame, kept: Any, found: Any) -> None:
    """No row at all, and one alone, which must get what it got among others."""
    nothing, _ = compiled.run(rows.iloc[:0])
    empty = operator.transform(rows.iloc[:0])
    if {len(values) for values in nothing.values()} - {0} or list(empty.columns) != list(nothing):
        raise Different("no rows in, and something came out")
    alone, _ = compiled.run(rows.iloc[kept[:1]])
    for name, values in alone.items():
        one, among = values, found[name][kept[:1]]
        same = one == among if one.dtype.kind == "O" else np.isclose(one, among, *operator.tolerance, equal_nan=True)
        if not np.all(same):
            raise Different(f"'{name}' of a row alone is {one}, among others {among}")


def _same_after_state(operator: ScikitLearn) -> None:
    """An estimator that was written and read is the same when it is written again."""
    assert operator.state is not None
    if json.dumps(encode(operator.model())) != json.dumps(operator.state["estimator"]):
        raise Different("the estimator read back from its state is another one")


# ---- words -----------------------------------------------------------------------------------------------------------


def written(estimator: Any) -> str:
    """An estimator in one line, the same in every process."""
    if isinstance(estimator, Pipeline):
        return " → ".join(written(step) for _, step in estimator.steps)
    if isinstance(estimator, ColumnTransformer):
        parts = [f"{name}: {written(step)}" for name, step, _ in estimator.transformers]
        rest = [] if estimator.remainder == "drop" else [f"remainder: {written(estimator.remainder)}"]
        weights = [] if estimator.transformer_weights is None else [f"weights {estimator.transformer_weights}"]
        return f"ColumnTransformer({', '.join([*parts, *rest, *weights])})"
    if not hasattr(estimator, "get_params"):
        return str(estimator)
    text = re.sub(r"\s+", " ", estimator.__repr__(N_CHAR_MAX=10_000)).replace("( ", "(")
    text = re.sub(r"<ufunc '(\w+)'>", r"numpy.\1", text)
    return re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", text)


def shortened(reason: str) -> str:
    """A refusal as the page shows it: without what another library's release words in its own way, and without the row."""
    reason = re.sub(r"^ScikitLearn(\(.*?\))?: ", "", reason)
    reason = re.sub(r"(and skl2onnx refuses it) \(.*\)\. Use another.*", r"\1", reason, flags=re.DOTALL)
    reason = re.sub(r"(it fails on \d+ rows) \(.*", r"\1", reason, flags=re.DOTALL)
    reason = re.sub(r"\. Use another estimator, or bring a converter for .*", "", reason, flags=re.DOTALL)
    reason = re.sub(r"(differs from scikit-learn) in '.*", r"\1", reason, flags=re.DOTALL)
    return re.sub(r"\s+", " ", reason).strip()
