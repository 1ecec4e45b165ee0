"""Forms: how one recorded operation becomes operators, once the names of its columns are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtml_core import Operator
from rtml_plugins.recording.expressions import Tree, leaves, written
from rtml_plugins.recording.values import Condition, Names, Value, filled, used


class Form:
    """One way to say an operation. `inputs` are the values it reads."""

    inputs: list[Value]
    #: whether names of inputs may stand in expressions
    writes_expressions = False

    @property
    def needs(self) -> list[Value]:
        """The inputs that have to be there; others only stand for any column."""
        return self.inputs

    def takes_expression(self, value: Value) -> bool:
        """Whether an expression may stand in the place of this input."""
        return False

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        """Operators that add the columns `out` to a frame that holds the inputs, or put them in the place of inputs."""
        raise NotImplementedError

    def merged(self, other: Form) -> bool:
        """Whether the other operation, right behind this one, may be done by the same node."""
        return False


def _inputs(arguments: Any, *first: Value) -> list[Value]:
    return list(dict.fromkeys([*first, *(found.value for found in used(arguments))]))


class Method(Form):
    """A method of pandas on one column: Pandas(import, cols, kwargs, into)."""

    def __init__(self, name: str, value: Value, kwargs: Mapping[str, Any] | None = None):
        self.name, self.value, self.kwargs = name, value, dict(kwargs or {})
        self.inputs = _inputs(self.kwargs, value)
        self.writes_expressions = any(isinstance(found, Condition) for found in used(self.kwargs))

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        return [self.node([names.name(self.value)], filled(self.kwargs, names), list(out))]

    def node(self, columns: list[str], kwargs: dict[str, Any], out: list[str]) -> Operator:
        """One Pandas node on these columns."""
        from rtml_plugins.pandas_ops.node import Pandas

        one = columns[0] if len(columns) == 1 else columns
        if out == columns:
            return Pandas(import_=self.name, cols=one, kwargs=kwargs, inplace=True)
        return Pandas(import_=self.name, cols=one, kwargs=kwargs, into=out[0] if len(out) == 1 else out)

    def merged(self, other: Form) -> bool:
        return isinstance(other, Method) and self._plain() and other._plain() and self.same(other)

    def takes_expression(self, value: Value) -> bool:
        return value is not self.value and _only_condition(self.kwargs, value)

    def _plain(self) -> bool:
        return len(self.inputs) == 1 and self.name != "assign"

    def same(self, other: Method) -> bool:
        """Whether both call the same with the same arguments."""
        return self.name == other.name and repr(self.kwargs) == repr(other.kwargs)


def _only_condition(arguments: Any, value: Value) -> bool:
    places = [found for found in used(arguments) if found.value is value]
    return len(places) == 1 and isinstance(places[0], Condition)


class Along(Form):
    """A statistic along the row: Pandas(import, cols=[...], kwargs={"axis": 1}, into)."""

    def __init__(self, name: str, values: Sequence[Value], kwargs: Mapping[str, Any]):
        self.name, self.values, self.kwargs = name, list(values), {"axis": 1, **kwargs}
        self.inputs = list(dict.fromkeys(values))

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.pandas_ops.node import Pandas

        columns = [names.name(value) for value in self.values]
        return [Pandas(import_=self.name, cols=columns, kwargs=self.kwargs, into=out[0])]


class Expression(Form):
    """Arithmetic, comparisons, logic: Pandas(import="eval")."""

    writes_expressions = True

    def __init__(self, tree: Tree):
        self.tree = tree
        self.inputs = list(dict.fromkeys(leaves(tree)))

    def takes_expression(self, value: Value) -> bool:
        return list(leaves(self.tree)).count(value) == 1

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.pandas_ops.node import Pandas

        text = written(self.tree, lambda value: names.leaf(value))
        return [Pandas(import_="eval", kwargs={"expr": text}, into=out[0])]


class Operations(Form):
    """Conditions and choices: FieldOps(ops=[...]), the field that is set being the output."""

    writes_expressions = True

    def __init__(self, operation: Mapping[str, Any]):
        self.operation = dict(operation)
        self.inputs = _inputs(self.operation)

    def takes_expression(self, value: Value) -> bool:
        return _only_condition(self.operation, value)

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.fields.field_ops import FieldOps

        return [FieldOps(ops=[{"set": out[0], **filled(self.operation, names)}])]


class Numpy(Form):
    """A function of numpy: NumpyArrays."""

    def __init__(self, function: str, value: Value, args: Sequence[Any] = ()):
        self.function, self.value, self.args = function, value, list(args)
        self.inputs = _inputs(self.args, value)

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.numpy_ops.node import NumpyArrays

        args = filled(self.args, names)
        return [NumpyArrays(function=self.function, cols=[names.name(self.value)], args=args, into=out[0])]


class Constantly(Form):
    """One value in every row: Pandas(import="assign")."""

    def __init__(self, constant: Any, beside: Value):
        self.constant = constant
        self.inputs = [beside]

    @property
    def needs(self) -> list[Value]:
        return []

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.pandas_ops.node import Pandas

        return [Pandas(import_="assign", kwargs={out[0]: self.constant})]


class ByRow(Form):
    """apply with axis=1: a function of a row, whose cells go by the names that the frame had at its line."""

    def __init__(self, function: Mapping[str, Any], columns: Mapping[str, Value]):
        self.function, self.columns = function, dict(columns)
        self.inputs = list(dict.fromkeys(columns.values()))

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.pandas_ops.node import Pandas

        renamed = {name: names.name(value) for name, value in self.columns.items()}
        document = {**self.function, "body": _renamed(self.function["body"], renamed)}
        kwargs = {"func": {"$function": document}, "axis": 1}
        return [Pandas(import_="apply", kwargs=kwargs, into=out[0])]


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list) and len(node) == 2 and node[0] == "column" and isinstance(node[1], str):
        return ["column", names.get(node[1], node[1])]
    return [_renamed(item, names) for item in node] if isinstance(node, list) else node


class Dummies(Form):
    """get_dummies of one column, with the values that the training frame had; the column itself stays where it is needed."""

    def __init__(self, value: Value, categories: Sequence[Any], kwargs: Mapping[str, Any], endings: Sequence[str], stem: str):
        """endings: what pandas puts behind the prefix, column by column. stem: the prefix with its separator."""
        self.value, self.categories, self.kwargs = value, list(categories), dict(kwargs)
        self.endings, self.stem = list(endings), stem
        self.inputs = [value]

    def build(self, names: Names, out: Sequence[str]) -> list[Operator]:
        from rtml_plugins.pandas_ops.node import Pandas

        made: list[Operator] = []
        column = names.name(self.value)
        if not names.is_spent(self.value):
            made.append(Pandas(import_="assign", kwargs={f"{column} values": {"column": column}}))
            column = f"{column} values"
        fits = [f"{self.stem}{ending}" for ending in self.endings] == list(out)
        stem = self.stem if fits else f"{column} is "
        kwargs = {**self.kwargs, "prefix": [stem], "prefix_sep": ""}
        made.append(Pandas(import_="get_dummies", cols=[column], kwargs=kwargs, categories={column: self.categories}))
        if not fits:
            renamed = {f"{stem}{ending}": name for ending, name in zip(self.endings, out, strict=True)}
            made.append(Pandas(import_="rename", kwargs={"columns": renamed}))
        return made
