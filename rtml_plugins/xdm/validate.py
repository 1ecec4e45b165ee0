"""Documents against a schema: valid ones fast, others with every violation as place, keyword and sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from rtml_core.errors import describe
from rtml_plugins.xdm.engine import compiled, escaped
from rtml_plugins.xdm.schema import Schema
from rtml_plugins.xdm.spelling import Spelling
from rtml_plugins.xdm.violations import Violation, kind_of, violations

__all__ = ["MAX_DEPTH", "MAX_EXPLAINED", "Validator", "Violation", "nests_deeper"]

#: how deep a document may nest: XDM's own examples reach 17, and the validator needs stack for every level
MAX_DEPTH: Final = 100

#: of how many values a document may consist for all that is wrong with it to be told, and not only one thing
MAX_EXPLAINED: Final = 5_000


class Validator:
    """Checks documents of one schema. Compiled once, in one or both spellings as documents need it; safe to share by threads.

    Takes decoded documents (dict, list, str, int, float, bool): the engine below reads Python values directly, so raw bytes would
    only be decoded first. spelling: of the documents; None looks at the keys at the top of each. empty: whether "", [] and {} are
    values; Platform asks producers to leave such keys out, and its own example files hold them.
    """

    def __init__(self, schema: Schema, *, spelling: Spelling | None = None, empty: bool = True):
        self.schema = schema
        self._spelling = spelling
        self._empty = empty
        self._compiled: dict[Spelling, tuple[Any, bool]] = {}
        self._ready(spelling or schema.spelling)

    def is_valid(self, document: Any) -> bool:
        """Whether `check` finds nothing, at a fraction of its cost for documents where it does."""
        if type(document) is not dict:
            return False
        try:
            engine, recursive = self._ready(self._spelling or self.schema.translator.spelling_of(document))
            return not (recursive and nests_deeper(document, MAX_DEPTH)) and bool(engine.is_valid(document))
        except (ValueError, TypeError, AttributeError):  # keys that are no texts, values that are no JSON: check says so
            return False

    def check(self, document: Any, limit: int = 20) -> list[Violation]:
        """What is wrong with a document: nothing for a valid one, and at most `limit` violations.

        Of one with more than MAX_EXPLAINED values only what is found first.
        """
        if self.is_valid(document):
            return []
        if not isinstance(document, dict):
            return [Violation("", "type", f"expected a JSON object, got {kind_of(document)}")]
        if nests_deeper(document, MAX_DEPTH):
            return [Violation("", "depth", f"the document nests deeper than {MAX_DEPTH} levels")]
        odd = list(_not_json(document, "", limit))
        if odd:
            return odd
        spelling = self._spelling or self.schema.translator.spelling_of(document)
        engine, _ = self._ready(spelling)
        tree = self.schema.tree(spelling)
        found: dict[tuple[str, str, str], Violation] = {}
        try:
            for error in _errors(engine, document):
                for violation in islice(violations(error, tree), limit):
                    found.setdefault((violation.at, violation.keyword, violation.message), violation)
                if len(found) >= limit:
                    break
        except ValueError as error:  # a subclass of a Python type that the engine doesn't take for JSON
            return [Violation("", "type", f"the document is no JSON: {error}")]
        return list(found.values())[:limit]

    def _ready(self, spelling: Spelling) -> tuple[Any, bool]:
        ready = self._compiled.get(spelling)
        if ready is None:
            document = self.schema.strict_document(spelling, empty=self._empty)
            ready = self._compiled[spelling] = (compiled(document, self.schema.id), _holds_itself(document))
        return ready


def _errors(engine: Any, document: dict[str, Any]) -> Iterable[Any]:
    """The engine's errors. It finds all of them before it tells the first, so of a large document it is asked for one only."""
    if not _is_large(document):
        yield from engine.iter_errors(document)
        return
    try:
        engine.validate(document)
    except ValueError as error:
        if not hasattr(error, "kind"):
            raise
        yield error


def _is_large(document: Any) -> bool:
    waiting, seen = [document], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            seen += len(value)
            if seen > MAX_EXPLAINED:
                return True
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return False


def nests_deeper(document: Any, levels: int) -> bool:
    """Whether lists and objects nest deeper than `levels`. Without recursion."""
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(levels):
        level = [
            child
            for value in level
            for child in (value.values() if type(value) is dict else value)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _holds_itself(document: Mapping[str, Any]) -> bool:
    """Whether documents of this schema may nest without end, so that their depth has to be looked at first."""
    definitions: Mapping[str, Any] = document.get("definitions", {})
    refers = {"": list(_references({key: value for key, value in document.items() if key != "definitions"}))}
    refers.update((name, list(_references(value))) for name, value in definitions.items())
    open_, done = set[str](), set[str]()
    waiting: list[tuple[str, bool]] = [("", False)]
    while waiting:
        name, leaving = waiting.pop()
        if leaving:
            open_.discard(name)
            done.add(name)
        elif name in open_:
            return True
        elif name not in done:
            open_.add(name)
            waiting.append((name, True))
            if any(target in open_ for target in refers[name]):
                return True
            waiting.extend((target, False) for target in refers[name] if target not in done)
    return False


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix("#").removeprefix("/definitions/")
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _not_json(value: Any, at: str, limit: int) -> Iterator[Violation]:
    """Values and keys that no JSON document has: NaN, bytes, half characters, keys that are numbers."""
    waiting: list[tuple[Any, str]] = [(value, at)]
    found = 0
    while waiting and found < limit:
        value, at = waiting.pop()
        problem = _problem(value)
        if problem:
            found += 1
            yield Violation(at, "type", problem)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str) or _is_half(key):
                    found += 1
                    yield Violation(at, "propertyNames", f"the key {describe(key)} is no text that JSON can hold")
                else:
                    waiting.append((inner, f"{at}/{escaped(key)}"))
        elif isinstance(value, list):
            waiting.extend((inner, f"{at}/{number}") for number, inner in enumerate(value))


def _problem(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"{value} is no number that JSON has; leave the key out"
    if isinstance(value, str):
        return "the text holds half a character (a lone surrogate), which can't be stored" if _is_half(value) else ""
    if value is None or isinstance(value, (bool, int, float, dict, list)):
        return ""
    return f"expected a JSON value, got {kind_of(value)}"


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
