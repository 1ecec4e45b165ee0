"""Sources, where a request enters a graph, and graphs as nodes of others."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """Receiver, JsonToDataframe, Processor."""
    from rtml_plugins.flow.json_to_dataframe import JsonToDataframe
    from rtml_plugins.flow.processor import Processor
    from rtml_plugins.flow.receiver import Receiver

    return [Receiver, JsonToDataframe, Processor]
