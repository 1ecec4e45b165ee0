"""Sources, where a request enters a graph, and graphs as nodes of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """Receiver, JsonToDataframe, Processor, Simulator."""
    from rtml_plugins.flow.json_to_dataframe import JsonToDataframe
    from rtml_plugins.flow.processor import Processor
    from rtml_plugins.flow.receiver import Receiver
    from rtml_plugins.flow.simulator import Simulator

    return [Receiver, JsonToDataframe, Processor, Simulator]


@hookimpl
def rtml_commands() -> Mapping[str, Any]:
    """simulate."""
    return {"simulate": "rtml_plugins.flow.simulator_cli:simulate|Make plausible rows for tests, load and demos."}
