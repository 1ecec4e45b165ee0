"""What of rtml a plugin may build on, and how that changes: see docs/reference/plugin-api-policy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Final, ParamSpec, TypeVar

from rtml_core.errors import RtmlDeprecationWarning

#: modules that stay as they are as long as the number of the plugin API does -> what a plugin takes from them
STABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rtml_core": "what most plugins need: operators, parameters, hooks, custom operators, graphs, the runtime",
        "rtml_core.errors": "the errors, and what their sentences are made with",
        "rtml_core.params": "declared parameters",
        "rtml_core.operator": "the base of operators, messages between nodes",
        "rtml_core.columns": "dtypes, columns, schemas, signatures",
        "rtml_core.frames": "canonical frames and the arrays in which they travel",
        "rtml_core.timestamps": "reading timestamps",
        "rtml_core.graph": "graphs",
        "rtml_core.hookspecs": "the hooks",
        "rtml_core.custom_ops": "custom operators, and running their reference",
        "rtml_core.converters": "what plugins say about estimators, for operators that keep or compile them",
        "rtml_core.lowering.builder": "the builder that a lowering gets",
        "rtml_core.lowering.symbolic": "symbolic columns, and what lowerings share",
        "rtml_core.lowering.custom": "custom operators in lowerings",
        "rtml_core.lowering.trace": "columns by name, graphs inside of an operator",
        "rtml_core.client": "talking to hubs and edges",
        "rtml_core.client.records": "what they answer",
        "rtml_core.boundary": "sources and sinks at the runtime's boundary",
        "rtml_core.inventory": "what is installed: plugins, operators, custom operators",
        "rtml_core.testing": "tests",
        "rtml_plugins.profile.store": "stores of profiles",
        "rtml_plugins.sklearn_ops.converting": "converters of estimators of other packages",
    }
)
#: packages whose modules a plugin may use at its own risk: they may change in every release, and the changelog says so
BUILDING_BLOCKS: Final = ("rtml_core.lowering",)

P = ParamSpec("P")
R = TypeVar("R")


def deprecated(use: str, *, since: str, goes: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a function or method that plugins should no longer call: it works as before, and warns whoever calls it.

    use: what to do instead, as the end of a sentence ("use rtml_core.frames.canonical"). since: the release of rtml that
    announced it; goes: the plugin API without it.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> R:
            warn_deprecated(f"{function.__module__}.{function.__qualname__}", use, since=since, goes=goes, above=2)
            return function(*args, **named)

        return call

    return mark


def warn_deprecated(what: str, use: str, *, since: str, goes: int, above: int = 1) -> None:
    """Warn about the use of something deprecated, for what is no function: a parameter, an attribute, a form of an answer.

    what: its name, with module or plugin. above: how many callers above this one the warning belongs to.
    """
    text = f"{what} is deprecated since rtml {since} and goes with plugin API {goes}: {use}"
    warnings.warn(text, RtmlDeprecationWarning, stacklevel=above + 1)
