"""Values cut down to what is worth showing, as JSON values: nothing of them is run, and the effort has a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from rtml_core.display.wording import count
from rtml_core.errors import describe
from rtml_core.params import HIDDEN, Secret

#: values in all
MOST: Final = 2000
#: entries of an object, items of a list, characters of a text, levels
_ENTRIES: Final = 200
_ITEMS: Final = 60
_CHARACTERS: Final = 20_000
_DEEP: Final = 12


def pruned(value: Any, most: int = MOST) -> Any:
    """A value as JSON values: of long lists and objects the beginning, and how much more there is; models by class; what is no
    JSON value in words. most: values in all."""
    return _Pruning(most).of(value, 0)


def is_large(value: Any, most: int = MOST) -> bool:
    """Whether objects and lists hold more than so many values; texts count by the thousand characters."""
    waiting, seen = [value], 0
    while waiting and seen <= most:
        one = waiting.pop()
        seen += 1 + (len(one) // 1000 if isinstance(one, (str, bytes)) else 0)
        if isinstance(one, Mapping):
            seen += max(0, len(one) - most)
            waiting += list(islice(one.values(), most))
        elif isinstance(one, (list, tuple)):
            seen += max(0, len(one) - most)
            waiting += one[:most]
    return seen > most


@dataclass
class _Pruning:
    left: int

    def of(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > _DEEP:
            return "…"
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return value if abs(value) < 10**30 else describe(value) if abs(value) < 10**1000 else "a very large whole number"
        if isinstance(value, str):
            return value if len(value) <= _CHARACTERS else value[:_CHARACTERS] + "…"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self._items(value, depth)
        if isinstance(value, (set, frozenset)):
            return self._items(sorted(value, key=describe) if len(value) <= _ENTRIES else value, depth)
        return self._other(value, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, item in value.items():
            if len(made) >= _ENTRIES or self.left < 0:
                made["…"] = f"and {len(value) - len(made):,} more"
                break
            made[key if isinstance(key, str) else describe(key)] = self.of(item, depth + 1)
        return made

    def _items(self, value: Any, depth: int) -> list[Any]:
        made: list[Any] = []
        for item in value:
            if len(made) >= _ITEMS or self.left < 0:
                return [*made, f"… and {len(value) - len(made):,} more"]
            made.append(self.of(item, depth + 1))
        return made

    def _other(self, value: Any, depth: int) -> Any:
        if isinstance(value, Secret):
            return HIDDEN
        if isinstance(value, (bytes, bytearray)):
            return count(len(value), "byte")
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and shape:
            return f"{type(value).__name__} of {' x '.join(map(str, shape))}"
        if isinstance(value, type):
            return f"the class {value.__qualname__}"
        if callable(getattr(value, "get_params", None)):
            return self._model(value, depth)
        if callable(value):
            return f"the function {getattr(value, '__qualname__', type(value).__name__)}"
        return describe(value, 200)

    def _model(self, value: Any, depth: int) -> Any:
        """An estimator by its class and parameters, as the DSL has it (docs/reference/dsl)."""
        path = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            params = value.get_params(deep=False)
        except Exception:  # a stranger's estimator may do anything
            return f"the model {path}"
        params = {name: _named(param) for name, param in params.items()}
        return {"$": "object", "class": path, "state": self._mapping(params, depth + 1)}


def _named(value: Any) -> Any:
    """The steps of a pipeline and the like, (name, model) or (name, model, columns), by their names."""
    if not isinstance(value, (list, tuple)) or not value:
        return value
    if not all(isinstance(step, tuple) and len(step) in (2, 3) and isinstance(step[0], str) for step in value):
        return value
    return {step[0]: step[1] if len(step) == 2 else {"model": step[1], "columns": step[2]} for step in value}
