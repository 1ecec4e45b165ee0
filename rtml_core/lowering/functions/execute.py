"""Runs a tree on symbolic values: every branch is taken, under the condition that leads to it, and the branches are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtml_core.errors import ColumnError, NotLowerableError, RtmlError
from rtml_core.lowering.functions import characters, comparing, methods
from rtml_core.lowering.functions.arithmetic import binary, unary
from rtml_core.lowering.functions.calls import call_function, is_kind, text_of
from rtml_core.lowering.functions.conditions import FALSE, TRUE, Condition, both, compact, constant, either, negate
from rtml_core.lowering.functions.machine import LARGE, Machine
from rtml_core.lowering.functions.text import show
from rtml_core.lowering.functions.tree import NUMBERS, Node
from rtml_core.lowering.functions.values import (
    CONSTANT,
    NONE,
    STR,
    TUPLE,
    UNBOUND,
    Alternative,
    Value,
    boolean,
    constant_of,
    select,
    truth_of,
    under,
)

Names = dict[str, Value]
_UNBOUND: Value = (Alternative(UNBOUND),)


@dataclass
class Answer:
    """What a block came to: where it returned (or raised) and with what, and the variables where it went on."""

    returned: Condition
    value: Value
    names: Names


class Executor:
    """Compiles functions: `functions` are those of the author, `cells` the columns of a row."""

    def __init__(self, machine: Machine, functions: Mapping[str, Any], cells: Mapping[str, Value]):
        self.m = machine
        self.functions = functions
        self.cells = cells

    def run(self, name: str, args: Sequence[str], body: list[Node], values: Sequence[Value], guard: Condition) -> Value:
        """The value of a function for these arguments, where the guard holds."""
        before = self.m.name, self.m.line, self.m.node
        self.m.name = name
        answer = self.block(body, dict(zip(args, values, strict=True)), guard)
        self.m.name, self.m.line, self.m.node = before
        return (
            select(self.m.b, answer.returned, answer.value, (constant_of(None),)) if answer.returned is not TRUE else answer.value
        )

    # ---- statements -----------------------------------------------------------------------------------------------------

    def block(self, body: Sequence[Node], names: Names, guard: Condition) -> Answer:
        """Statements one after the other; what returned early is put in front of what comes later."""
        pending: list[tuple[Condition, Value]] = []
        gone = FALSE
        statements = list(reversed(body))
        while statements:
            statement = statements.pop()
            here = self.m.inside(guard, negate(gone))
            if here is FALSE:
                break
            if statement[0] == "for":
                statements.extend(reversed(self._written_out(statement, names, here)))
                continue
            answer = self._statement(statement, names, here)
            names = answer.names
            if answer.returned is not FALSE:
                pending.append((answer.returned, answer.value))
                gone = compact(self.m.b, either(gone, answer.returned), LARGE)
                if answer.returned is TRUE:
                    gone = TRUE
                    break
        value: Value = ()
        for condition, early in reversed(pending):
            value = select(self.m.b, condition, early, value)
        return Answer(gone, value, names)

    def _statement(self, statement: Node, names: Names, guard: Condition) -> Answer:
        self.m.line, self.m.node = statement[1], None
        try:
            match statement:
                case ["assign", _, target, value]:
                    return Answer(FALSE, (), self._assigned(target, self.value(value, names, guard), dict(names), guard))
                case ["bound", _, target, value]:
                    return Answer(FALSE, (), self._assigned(target, value, dict(names), guard))
                case ["return", _, value]:
                    return Answer(TRUE, self.value(value, names, guard), names)
                case ["raise", _, error, message]:
                    said = "" if message is None else self._message(self.value(message, names, guard))
                    self.m.node = None
                    self.m.fail(guard, f"{error}{said}")
                    return Answer(TRUE, (), names)
                case ["if", _, test, yes, no]:
                    return self._if(self.m.truth(self.value(test, names, guard), guard), yes, no, names, guard)
        except RtmlError as error:
            raise self._placed(error) from error
        raise AssertionError(statement[0])

    def _placed(self, error: RtmlError) -> RtmlError:
        if isinstance(error, ColumnError) or getattr(error, "placed", False):
            return error
        where = f": in '{show(self.m.node)}'" if self.m.node is not None else ""
        made = NotLowerableError(f"{self.m.name}, line {self.m.line}{where}: {error}")
        made.placed = True  # type: ignore[attr-defined]
        return made

    def _message(self, value: Value) -> str:
        return f": {value[0].carried}" if len(value) == 1 and value[0].constant else ""

    def _if(self, test: Condition, yes: list[Node], no: list[Node], names: Names, guard: Condition) -> Answer:
        first, second = self.m.inside(guard, test), self.m.inside(guard, negate(test))
        if first is FALSE or second is FALSE:
            return self.block(no if first is FALSE else yes, names, guard)
        before = _narrowed(names, first), _narrowed(names, second)
        one, two = self.block(yes, dict(before[0]), first), self.block(no, dict(before[1]), second)
        returned = either(both(test, one.returned), both(negate(test), two.returned))
        value = select(self.m.b, test, one.value, two.value)
        if one.returned is TRUE or two.returned is TRUE:
            return Answer(returned, value, two.names if one.returned is TRUE else one.names)
        merged: Names = {}
        for name in dict.fromkeys([*one.names, *two.names]):
            pair = one.names.get(name, _UNBOUND), two.names.get(name, _UNBOUND)
            unchanged = name in names and pair[0] is before[0][name] and pair[1] is before[1][name]
            merged[name] = names[name] if unchanged else select(self.m.b, test, *pair)
        return Answer(returned, value, merged)

    def _written_out(self, statement: Node, names: Names, guard: Condition) -> list[Node]:
        """A loop as one block a step."""
        _, line, target, iterable, body = statement
        self.m.line, self.m.node = line, None
        try:
            items = self._items(self.value(iterable, names, guard))
        except RtmlError as error:
            raise self._placed(error) from error
        made: list[Node] = []
        for item in items:
            self.m.count()
            made.extend([["bound", line, target, item], *body])
        return made

    def _items(self, value: Value) -> list[Value]:
        if len(value) == 1:
            only = value[0]
            if only.kind == CONSTANT or (only.kind == STR and only.constant):
                return [(constant_of(item),) for item in only.carried]
            if only.kind == TUPLE:
                return [(constant_of(key),) for key in only.keys] if only.keys is not None else list(only.carried)
        raise NotLowerableError("a loop over data can't be compiled; loop over a tuple or list of constants")

    def _assigned(self, target: Any, value: Value, names: Names, guard: Condition) -> Names:
        if isinstance(target, str):
            names[target] = value
            return names
        items = self._items(value)
        if len(items) != len(target):
            self.m.fail(guard, "ValueError (not as many values as variables)")
            items = [()] * len(target)
        for inner, item in zip(target, items, strict=True):
            self._assigned(inner, item, names, guard)
        return names

    # ---- expressions ----------------------------------------------------------------------------------------------------

    def value(self, node: Node, names: Names, guard: Condition) -> Value:
        """The value of an expression where the guard holds; without alternatives where it raises in every row."""
        self.m.count()
        before, self.m.node = self.m.node, node
        try:
            made = self._value(node, names, guard)
        except RtmlError as error:
            raise self._placed(error) from error
        self.m.node = before
        return under(made, guard)

    def _value(self, node: Node, names: Names, guard: Condition) -> Value:
        match node:
            case ["const", value]:
                return (constant_of(value),)
            case ["number", word]:
                return (constant_of(NUMBERS[word]),)
            case ["name", name]:
                return self.m.spread([names.get(name, _UNBOUND)], guard, lambda items, _: items[0])
            case ["column", name]:
                return self.cells[name]
            case ["tuple" | "list" | "set", _] | ["dict", _]:
                return self._collection(node, names, guard)
            case ["and" | "or" as word, items]:
                return self._logic(word, items, names, guard)
            case ["compare", first, others]:
                return self._compare(self.value(first, names, guard), others, names, guard)
            case ["choose", _, _, _]:
                return self._choose(node, names, guard)
            case ["each", _, _, _, _, _]:
                return self._each(node, names, guard)
            case ["item", ["method", _, "split", _], _]:
                return self._split(node, names, guard)
            case ["call", "len", [["method", subject, "split", items]]]:
                children = [self.value(child, names, guard) for child in (subject, *items)]
                return self.m.spread(children, guard, lambda found, inner: methods.split_count(self.m, found))
        return self._operation(node, names, guard)

    def _operation(self, node: Node, names: Names, guard: Condition) -> Value:
        m, children = self.m, [self.value(child, names, guard) for child in _children(node)]
        match node:
            case ["unary", "not", _]:
                return (boolean(negate(m.truth(children[0], guard))),) if children[0] else ()
            case ["unary", operator, _]:
                return m.spread(children, guard, lambda items, inner: unary(m, operator, items[0], inner))
            case ["binary", operator, _, _]:
                return m.spread(children, guard, lambda items, inner: binary(m, operator, items[0], items[1], inner))
            case ["call", "min" | "max" as name, _]:
                return self._extreme(name, children, guard)
            case ["call", name, _]:
                return m.spread(children, guard, lambda items, inner: call_function(m, name, items, inner))
            case ["method", _, name, _]:
                return m.spread(children, guard, lambda items, inner: methods.call_method(m, name, items, inner))
            case ["run", name, _]:
                if not all(children):
                    return ()
                function = self.functions[name]
                return self.run(name, function["args"], function["body"], children, guard)
            case ["item", _, _]:
                return m.spread(children, guard, lambda items, inner: methods.item_of(m, items[0], items[1], inner))
            case ["slice", _, _, _]:
                return m.spread(children, guard, lambda items, _: methods.slice_of(m, *items))
            case ["join", _]:
                return self._joined_text(children, guard)
            case ["kind", _, kinds]:
                return m.spread(children, guard, lambda items, _: boolean(constant(is_kind(items[0], kinds))))
        raise AssertionError(node[0])

    def _collection(self, node: Node, names: Names, guard: Condition) -> Value:
        """Constants become a Python object, anything else a tuple of values."""
        pairs = node[1] if node[0] == "dict" else [[None, item] for item in node[1]]
        keys = [self.value(key, names, guard) for key, _ in pairs] if node[0] == "dict" else []
        values = [self.value(item, names, guard) for _, item in pairs]
        if not all(keys) or not all(values):
            return ()
        if not all(_constant(value) for value in keys):
            raise NotLowerableError("the keys of a dict must be constants")
        plain = [_python(value) for value in keys]
        if all(_constant(value) for value in values):
            items = [_python(value) for value in values]
            made: Any = dict(zip(plain, items, strict=True)) if node[0] == "dict" else python_collection(node[0], items)
            return (Alternative(CONSTANT, carried=made, constant=True),)
        if node[0] == "set":
            raise NotLowerableError("a set of values can't be compiled; use a tuple")
        if node[0] == "dict":
            unique = dict(zip(plain, values, strict=True))
            return (Alternative(TUPLE, carried=tuple(unique.values()), keys=tuple(unique)),)
        return (Alternative(TUPLE, carried=tuple(values), sequence=list if node[0] == "list" else tuple),)

    def _logic(self, word: str, items: list[Node], names: Names, guard: Condition) -> Value:
        """The right side counts only where the left one leads to it."""
        value = self.value(items[0], names, guard)
        if len(items) == 1 or not value:
            return value
        test = self.m.truth(value, guard)
        further = test if word == "and" else negate(test)
        inner = both(guard, further)
        if inner is FALSE:
            return value
        rest = self._logic(word, items[1:], _narrowed(names, inner), inner)
        return select(self.m.b, further, rest, under(value, both(guard, negate(further))))

    def _compare(self, left: Value, others: list[list[Any]], names: Names, guard: Condition) -> Value:
        operator, other = others[0]
        right = self.value(other, names, guard)
        found = self.m.spread(
            [left, right], guard, lambda items, inner: comparing.compare(self.m, operator, items[0], items[1], inner)
        )
        if len(others) == 1 or not found:
            return found
        test = truth_of(found[0])
        inner = both(guard, test)
        if inner is FALSE:
            return found
        rest = self._compare(right, others[1:], names, inner)
        return (boolean(both(test, truth_of(rest[0]))),) if rest else (boolean(FALSE),)

    def _choose(self, node: Node, names: Names, guard: Condition) -> Value:
        _, test, yes, no = node
        condition = self.m.truth(self.value(test, names, guard), guard)
        first, second = self.m.inside(guard, condition), self.m.inside(guard, negate(condition))
        if first is FALSE or second is FALSE:
            return self.value(no if first is FALSE else yes, names, guard)
        one, two = self.value(yes, _narrowed(names, first), first), self.value(no, _narrowed(names, second), second)
        return select(self.m.b, condition, one, two)

    def _extreme(self, name: str, values: list[Value], guard: Condition) -> Value:
        """min and max keep the first of equals, and what a NaN is compared with stays."""
        if len(values) == 1:
            values = self._items(values[0])

        def step(items: list[Alternative], inner: Condition) -> Alternative:
            return comparing.compare(self.m, ">" if name == "max" else "<", items[0], items[1], inner)

        result = values[0]
        for value in values[1:]:
            if not result or not value:
                return ()
            found = self.m.spread([value, result], guard, step)
            if not found:
                return ()
            result = select(self.m.b, truth_of(found[0]), value, result)
        return result

    def _split(self, node: Node, names: Names, guard: Condition) -> Value:
        _, (_, subject, _, items), index = node
        position = self.value(index, names, guard)
        if len(position) != 1 or not position[0].constant or not isinstance(position[0].carried, int):
            raise NotLowerableError("the parts of split() are counted by a constant")
        children = [self.value(child, names, guard) for child in (subject, *items)]
        place = int(position[0].carried)
        return self.m.spread(children, guard, lambda found, inner: methods.split_item(self.m, found, place, inner))

    def _joined_text(self, children: list[Value], guard: Condition) -> Value:
        m = self.m
        result: Value = (constant_of(""),)
        for child in children:
            written = m.spread([child], guard, lambda items, _: text_of(m, items[0]))
            result = m.spread([result, written], guard, lambda items, inner: _concat(m, items, inner))
        return result

    def _each(self, node: Node, names: Names, guard: Condition) -> Value:
        """any, all, sum, min and max over constants, written out."""
        _, name, target, iterable, tests, element = node
        over = self.value(iterable, names, guard)
        if characters.is_text(over):
            return self.m.spread(
                [over], guard, lambda found, _: characters.counted(self.m, found[0], name, target, tests, element)
            )
        items = self._items(over)
        if name in ("any", "all"):
            return self._any(name == "any", target, items, tests, element, names, guard)
        if tests:
            raise NotLowerableError(f"{name}() with `if` can't be compiled; use `x if test else 0` for sum()")
        values = [self.value(element, self._assigned(target, item, dict(names), guard), guard) for item in items]
        if name != "sum":
            if not values:
                self.m.fail(guard, "ValueError (nothing to choose from)")
                return ()
            return self._extreme(name, values, guard)
        result: Value = (constant_of(0),)
        for value in values:
            result = self.m.spread([result, value], guard, lambda pair, inner: binary(self.m, "+", pair[0], pair[1], inner))
        return result

    def _any(
        self, wanted: bool, target: Any, items: list[Value], tests: list[Node], element: Node, names: Names, guard: Condition
    ) -> Value:
        """Steps behind the one that decides are not taken, nor do they raise."""
        decided = FALSE
        for item in items:
            inner_guard = both(guard, negate(decided))
            if inner_guard is FALSE:
                break
            inner = self._assigned(target, item, dict(names), inner_guard)
            reached = inner_guard
            passed = TRUE
            for test in tests:
                passed = both(passed, self.m.truth(self.value(test, inner, reached), reached))
                reached = both(inner_guard, passed)
            if reached is FALSE:
                continue
            truth = self.m.truth(self.value(element, inner, reached), reached)
            decided = either(decided, both(passed, truth if wanted else negate(truth)))
        return (boolean(decided if wanted else negate(decided)),)


def _narrowed(names: Names, guard: Condition) -> Names:
    """The variables without the alternatives that the guard rules out."""
    return {name: under(value, guard) for name, value in names.items()}


def _children(node: Node) -> list[Node]:
    """The expressions that an operation works on, in the order in which Python evaluates them."""
    match node:
        case ["unary", _, operand]:
            return [operand]
        case ["binary", _, one, two] | ["item", one, two]:
            return [one, two]
        case ["call" | "run", _, items]:
            return list(items)
        case ["method", subject, _, items]:
            return [subject, *items]
        case ["slice", subject, start, stop]:
            return [subject, *(["const", None] if end is None else end for end in (start, stop))]
        case ["join", items]:
            return list(items)
    return [node[1]]


def _constant(value: Value) -> bool:
    return len(value) == 1 and (value[0].constant or value[0].kind == NONE)


def _python(value: Value) -> Any:
    return value[0].carried


def python_collection(kind: str, items: list[Any]) -> Any:
    """A tuple, list or set of Python values."""
    return {"tuple": tuple, "list": list, "set": set}[kind](items)


def _concat(m: Machine, items: list[Alternative], guard: Condition) -> Alternative:
    if items[0].constant and items[0].carried == "":
        return items[1]
    return binary(m, "+", items[0], items[1], guard)
