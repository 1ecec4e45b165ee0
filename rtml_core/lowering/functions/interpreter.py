"""Runs a tree on Python values: the eager reference, which does what the function itself does.

Beyond Python it raises where a compiled graph has no such value: whole numbers beyond 64 bits, complex numbers, and
divisions of whole numbers beyond 2 ** 53, whose quotient a float64 division rounds differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rtml_core.errors import describe
from rtml_core.lowering.functions.text import show
from rtml_core.lowering.functions.tree import NUMBERS, Node
from rtml_core.lowering.functions.vocabulary import BINARY, COMPARE, ERRORS, KINDS, QUANTIFIERS, python_call
from rtml_core.lowering.number_texts import read, read_whole

#: steps of one call, and the longest text it may make
MAX_STEPS: Final = 200_000
_MAX_TEXT: Final = 1_000_000
_MAX_WIDTH: Final = 10_000
INT64: Final = (-(2**63), 2**63 - 1)
#: float64 holds every whole number up to here
EXACT: Final = 2**53


class _Return(Exception):
    def __init__(self, value: Any):
        self.value = value


class Interpreter:
    """One call of a function: `functions` are those of the author that it may run, `row` the cells of "column"."""

    def __init__(self, functions: Mapping[str, Any], row: Any = None):
        self.functions = functions
        self.row = row
        self.steps = 0

    def run(self, args: Sequence[str], body: list[Node], values: Sequence[Any]) -> Any:
        """The function's value for these arguments; raises whatever the function raises."""
        names = dict(zip(args, values, strict=True))
        try:
            self._block(body, names)
        except _Return as answer:
            return answer.value
        return None

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise RuntimeError(f"the function takes more than {MAX_STEPS:,} steps")

    def _block(self, body: list[Node], names: dict[str, Any]) -> None:
        for statement in body:
            self._step()
            match statement:
                case ["assign", _, target, value]:
                    _assign(target, self.value(value, names), names)
                case ["if", _, test, yes, no]:
                    self._block(yes if self.value(test, names) else no, names)
                case ["return", _, value]:
                    raise _Return(self.value(value, names))
                case ["raise", _, error, message]:
                    raise ERRORS[error](*(() if message is None else (self.value(message, names),)))
                case ["for", _, target, iterable, inner]:
                    for item in self.value(iterable, names):
                        _assign(target, item, names)
                        self._block(inner, names)

    def value(self, node: Node, names: dict[str, Any]) -> Any:
        """The value of an expression."""
        self._step()
        result = self._value(node, names)
        if type(result) is int and not INT64[0] <= result <= INT64[1]:
            raise OverflowError(f"'{show(node)}' is beyond 64 bits")
        return result

    def _value(self, node: Node, names: dict[str, Any]) -> Any:
        match node:
            case ["const", value]:
                return value
            case ["number", word]:
                return NUMBERS[word]
            case ["name", name]:
                if name not in names:
                    raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
                return names[name]
            case ["column", name]:
                return self.row[name]
            case ["tuple" | "list" | "set" as kind, items]:
                made = [self.value(item, names) for item in items]
                return made if kind == "list" else (tuple(made) if kind == "tuple" else set(made))
            case ["dict", pairs]:
                return {self.value(key, names): self.value(value, names) for key, value in pairs}
            case ["and" | "or" as word, items]:
                return self._logic(word, items, names)
            case ["compare", first, others]:
                return self._compare(first, others, names)
            case ["choose", test, yes, no]:
                return self.value(yes if self.value(test, names) else no, names)
            case ["each", name, target, iterable, tests, element]:
                inner = {**names}
                return QUANTIFIERS[name](self._each(target, self.value(iterable, names), tests, element, inner))
        return self._operation(node, names)

    def _operation(self, node: Node, names: dict[str, Any]) -> Any:
        match node:
            case ["unary", operator, operand]:
                value = self.value(operand, names)
                return not value if operator == "not" else (-value if operator == "-" else +value)
            case ["binary", operator, one, two]:
                return binary(operator, self.value(one, names), self.value(two, names))
            case ["call", name, items]:
                return call(name, [self.value(item, names) for item in items])
            case ["method", subject, name, items]:
                return method(self.value(subject, names), name, [self.value(item, names) for item in items])
            case ["run", name, items]:
                function = self.functions[name]
                return self.run(function["args"], function["body"], [self.value(item, names) for item in items])
            case ["item", subject, index]:
                return self.value(subject, names)[self.value(index, names)]
            case ["slice", subject, start, stop]:
                bounds = [None if end is None else self.value(end, names) for end in (start, stop)]
                return self.value(subject, names)[slice(*bounds)]
            case ["join", items]:
                return _short("".join(str(self.value(item, names)) for item in items))
            case ["kind", subject, kinds]:
                return isinstance(self.value(subject, names), tuple(KINDS[kind] for kind in kinds))
        raise AssertionError(node[0])

    def _logic(self, word: str, items: list[Node], names: dict[str, Any]) -> Any:
        value = None
        for item in items:
            value = self.value(item, names)
            if bool(value) is (word == "or"):
                return value
        return value

    def _compare(self, first: Node, others: list[list[Any]], names: dict[str, Any]) -> Any:
        left, result = self.value(first, names), True
        for operator, other in others:
            right = self.value(other, names)
            result = COMPARE[operator](left, right)
            if not result:
                return result
            left = right
        return result

    def _each(self, target: Any, items: Any, tests: list[Node], element: Node, names: dict[str, Any]) -> Any:
        for item in items:
            _assign(target, item, names)
            if all(self.value(test, names) for test in tests):
                yield self.value(element, names)


def _assign(target: Any, value: Any, names: dict[str, Any]) -> None:
    if isinstance(target, str):
        names[target] = value
        return
    items = list(value)
    if len(items) != len(target):
        raise ValueError(f"expected {len(target)} values to unpack, got {len(items)}")
    for inner, item in zip(target, items, strict=True):
        _assign(inner, item, names)


def _short(text: str) -> str:
    if len(text) > _MAX_TEXT:
        raise OverflowError(f"a text of {len(text):,} characters is too long; {_MAX_TEXT:,} are possible")
    return text


def binary(operator: str, one: Any, two: Any) -> Any:
    """one <operator> two, as Python has it; raises what Python raises, and OverflowError for what no column holds."""
    whole = isinstance(one, int) and isinstance(two, int)
    if whole and operator == "/" and two and max(abs(one), abs(two)) > EXACT:
        raise OverflowError(f"{one} / {two} is beyond 2 ** 53, where floats are not exact")
    if whole and operator == "**" and two > 64 and abs(one) > 1:
        raise OverflowError(f"{one} ** {two} is beyond 64 bits")
    if operator == "*" and not whole:
        for text, times in ((one, two), (two, one)):
            if isinstance(text, (str, list, tuple)) and isinstance(times, int) and len(text) * times > _MAX_TEXT:
                raise OverflowError(f"{times} times a text or list is too long")
    if operator == "+" and isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)) and len(one) + len(two) > _MAX_TEXT:
        raise OverflowError(f"a list of {len(one) + len(two):,} items is too long; {_MAX_TEXT:,} are possible")
    result = BINARY[operator](one, two)
    if isinstance(result, complex):
        raise ArithmeticError(f"{one} ** {two} is a complex number, which no column holds")
    return _short(result) if isinstance(result, str) else result


def call(name: str, values: list[Any]) -> Any:
    """A function of vocabulary.CALLS. A text that float() and int() read has the plain form that ONNX reads as well."""
    if name in ("float", "int") and isinstance(values[0], str):
        text = values[0]
        found = (read(text) if text else None) if name == "float" else read_whole(text)
        if found is None:
            raise ValueError(f"{describe(text)} says no {'number' if name == 'float' else 'whole number'}")
        return found
    return python_call(name)(*values)


def method(subject: Any, name: str, values: list[Any]) -> Any:
    """A method of a text, or `get` of a dict; AttributeError as in Python for other values."""
    if (name == "get" and not isinstance(subject, dict)) or (name != "get" and not isinstance(subject, str)):
        raise AttributeError(f"'{type(subject).__name__}' object has no attribute '{name}'")
    if name in ("zfill", "ljust", "rjust", "center") and isinstance(values[0], int) and values[0] > _MAX_WIDTH:
        raise OverflowError(f"{name} to {values[0]:,} characters is too wide; {_MAX_WIDTH:,} are possible")
    if name == "replace" and isinstance(values[1], str) and (len(subject) + 1) * len(values[1]) > 100 * _MAX_TEXT:
        raise OverflowError("replacing makes a text that is too long")
    result = getattr(subject, name)(*values)
    return _short(result) if isinstance(result, str) else result
