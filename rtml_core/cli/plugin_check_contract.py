"""`rtml plugins check`: the examples of operators keep the contract, on rows of their own and on edge rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.cli.plugin_check_findings import RAISED, Finding, Subject, said
from rtml_core.cli.tables import plural
from rtml_core.errors import RtmlError, describe, listing
from rtml_core.operator import Operator
from rtml_core.params import describe_params

if TYPE_CHECKING:
    import pandas as pd

#: rows with values at the edges of their columns' dtypes that a formula is tried on
EDGE_ROWS: Final = 200
#: an operator to try, and rows for it besides its parity cases
Example = tuple[Operator, "pd.DataFrame | None"]
_CONTRACT: Final = "docs/reference/operator-contract"
#: dtype of a column -> the word of a signature that edge rows are made from
_WORDS: Final = {"float64": "float?", "float32": "float32?", "int64": "int", "bool": "bool?", "string": "string?"}


def check_contract(subject: Subject) -> Iterator[Finding]:
    """All operators of the plugin, each on its examples."""
    untried = []
    for name in subject.info.operators:
        cls = subject.known.registry[name]
        try:
            examples = examples_of(cls)
        except RAISED as error:  # a stranger's examples() may raise anything
            cure = "examples() must return operators of this class"
            yield Finding("error", "contract", name, f"examples() fails: {said(error, subject.files)}", cure)
            continue
        if not examples and cls.role not in ("source", "authoring"):
            untried.append(name)
        yield from _tried(name, examples, subject)
    if untried:
        cure = "write the class method examples(), which returns operators of the class with parameters"
        yield Finding("warning", "contract", listing(untried), "not tried, as there are no examples", cure)


def _tried(name: str, examples: Sequence[Example], subject: Subject) -> Iterator[Finding]:
    """What is wrong with the examples of one operator, or one line that says what was tried."""
    total: Counter[str] = Counter()
    wrong = 0
    for example, rows in examples:
        trial = Trial(example, subject.files, rows)
        findings = trial.findings()
        yield from findings
        wrong += len(findings)
        total += trial.counted
    if examples and not wrong:
        how = "equal in both forms" if examples[0][0].lowers() else "tried"
        counts = "".join(f", {count:,} {called} {how}" for called, count in total.items())
        yield Finding("ok", "contract", name, f"{plural(len(examples), 'example')}: parameters come back from JSON{counts}")


def examples_of(cls: type[Operator]) -> Sequence[Example]:
    """What `examples()` returns; the operator itself where it needs no parameters and is ready to use. Raises RtmlError."""
    given = cls.examples()
    if not isinstance(given, (list, tuple)):
        raise RtmlError(f"examples() of {cls.name} must return a list of its operators; got {describe(given)}")
    examples = [_example(cls, item) for item in given]
    if examples or any(parameter.required for parameter in describe_params(cls.Params)):
        return examples
    if cls.examples.__func__ is not Operator.examples.__func__:  # type: ignore[attr-defined]  # it says that there are none
        return ()
    try:
        plain = cls()
    except RtmlError:  # some of its parameters have to be given all the same
        return ()
    return [(plain, None)] if plain.fitted and (cls.has_formula() or plain.parity_cases() is not None) else ()


def _example(cls: type[Operator], item: Any) -> Example:
    """One item of examples(): an operator, or a pair of it and a frame."""
    import pandas as pd

    example, rows = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if type(example) is not cls or not (rows is None or isinstance(rows, pd.DataFrame)):
        raise RtmlError(f"examples() of {cls.name} must return its operators, or pairs of one and a frame; got {describe(item)}")
    return example, rows


class Trial:
    """One example on its rows. Each step gives a finding or nothing; a step whose ground is gone is left out."""

    def __init__(self, example: Operator, files: tuple[str, ...], rows: pd.DataFrame | None = None):
        self.example = example
        self.rows = rows
        self.files = files
        self.where = describe(example, 100)
        #: rows that were tried, by where they come from
        self.counted: Counter[str] = Counter()

    def findings(self) -> list[Finding]:
        """All that is wrong."""
        return [*self._round_trip(), *self._on_rows()]

    def error(self, what: str, cure: str) -> Finding:
        return Finding("error", "contract", self.where, what, cure)

    def _round_trip(self) -> Iterator[Finding]:
        """Parameters and state are JSON, and JSON makes the same operator again."""
        example = self.example
        try:
            document = json.loads(json.dumps(example.to_json(), allow_nan=False))
            again = type(example)(params=document).to_json()
            same = json.loads(json.dumps(again, allow_nan=False)) == document
            json.dumps(example.state, allow_nan=False)
        except RAISED as error:  # parameters, to_json and setup are a stranger's
            cure = "parameters and state must be JSON values that make the operator again; see to_json"
            yield self.error(f"it does not come back from JSON: {said(error, self.files)}", cure)
            return
        if not same:
            yield self.error(
                f"JSON makes another operator of it: {describe(again, 120)}", "to_json must give all of its parameters"
            )

    def _on_rows(self) -> Iterator[Finding]:
        example = self.example
        if example.role in ("source", "authoring"):
            return
        if not example.fitted:
            yield Finding("warning", "contract", self.where, "it has not learned, so it was not tried", "examples() must fit it")
            return
        try:
            frames = self.frames()
        except RAISED as error:  # a stranger's parity_cases and columns
            yield self.error(f"parity_cases() or columns() fails: {said(error, self.files)}", f"see {_CONTRACT}")
            return
        if not frames:
            cure = "write parity_cases(), a frame of rows at which it is delicate, or give it a frame in examples()"
            yield Finding("warning", "contract", self.where, "there are no rows to try it on", cure)
            return
        for called, frame in frames.items():
            wrong = self._on(called, frame)
            if wrong is not None:
                yield wrong
                return
        yield from self._missing_columns(next(iter(frames.values())))

    def frames(self) -> dict[str, pd.DataFrame]:
        """Rows to try it on: those that came with it, its parity cases, and edge rows of the columns of a formula."""
        from rtml_core.frames import canonical, schema_of
        from rtml_core.testing import frame

        found: dict[str, pd.DataFrame] = {}
        cases = self.example.parity_cases()
        if cases is not None and len(cases):
            found["parity cases"] = canonical(cases.reset_index(drop=True))
        if self.rows is not None and len(self.rows):
            found["rows of its own"] = canonical(self.rows.reset_index(drop=True))
        if type(self.example).has_formula():
            shown = schema_of(next(iter(found.values()))) if found else {}
            words = {
                str(name): _WORDS.get(shown[name].dtype, f"{shown[name].dtype}?") if name in shown else "float?"
                for name in self.example.columns()
            }
            if words:
                found["edge rows"] = frame(words, rows=EDGE_ROWS)
        return found

    def _on(self, called: str, frame: pd.DataFrame) -> Finding | None:
        """The first thing that is wrong on these rows."""
        from rtml_core.testing import assert_parity, assert_row_wise, assert_schema

        example = self.example
        steps: list[tuple[str, Callable[[], Any], str]] = []
        if example.lowers():
            cure = "compute, or process and lower, must say the same for every row"
            steps.append(("both forms are compared", lambda: assert_parity(example, frame), cure))
        kept, refusal = self._accepted(frame)
        if refusal is not None and not len(kept):
            what = f"it refuses each of its {called}: {said(refusal, self.files)}"
            return self.error(what, "mend that, or give parity_cases() rows that it takes")
        cure = "process must make a new frame, of as many rows, each from its own row alone"
        steps.append(("rows are tried one by one", lambda: assert_row_wise(example, kept), cure))
        if example.lowers():
            cure = "schema() must say what process() gives; leave it out, and it is read off the lowering"
            steps.append(("its schema is compared", lambda: assert_schema(example, kept), cure))
        for what, step, cure in steps:
            try:
                step()
            except RAISED as error:  # anything may come out of a stranger's operator
                return self.error(f"when {what} on its {called}: {said(error, self.files)}", cure)
        self.counted[called] += len(frame)
        return None

    def _accepted(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, BaseException | None]:
        """The rows that it takes: all where it takes them together, else those that it takes alone; and why it refused."""
        try:
            self.example.process(frame.copy(deep=True))
            return frame, None
        except RAISED as error:  # whatever it raises is a refusal; which rows it is about shows when they are alone
            kept = [row for row in range(len(frame)) if self._takes(frame.iloc[[row]].reset_index(drop=True))]
            return frame.iloc[kept].reset_index(drop=True), error

    def _takes(self, row: pd.DataFrame) -> bool:
        try:
            self.example.process(row)
        except RAISED:  # as above
            return False
        return True

    def _missing_columns(self, frame: pd.DataFrame) -> Iterator[Finding]:
        """A column that it needs and that is not there is named, eagerly and when it compiles."""
        from rtml_core.frames import schema_of

        example = self.example
        cure = "name the column: columns.missing_column has the sentence"
        for name in map(str, frame.columns):
            less = frame.drop(columns=name)
            tries: dict[str, Callable[[], Any]] = {"process": lambda less=less: example.process(less)}  # type: ignore[misc]
            if example.lowers():
                tries["lower"] = lambda less=less: example.schema(schema_of(less))  # type: ignore[misc]
            for called, step in tries.items():
                try:
                    step()
                except RAISED as error:  # it may raise anything; what counts is what it says
                    if name not in str(error):
                        what = f"without the column '{name}' {called} says {said(error, self.files)}"
                        yield Finding("warning", "contract", self.where, what, cure)
                        return
