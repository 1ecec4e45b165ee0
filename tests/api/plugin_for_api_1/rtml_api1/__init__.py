"""A plugin with every hook of plugin API 1."""

from __future__ import annotations

from typing import Annotated, Any

from rtml_core import CustomOp, Operator, Params, Secret, doc, hookimpl

rtml_plugin_api = 1


class Settings(Params):
    """What can be set of this plugin."""

    greeting: Annotated[str, doc("what the command says")] = "hello"
    times: int = 1
    token: Secret = Secret("")


@hookimpl
def rtml_settings() -> type[Params]:
    """The settings."""
    return Settings


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    """The operators."""
    from rtml_api1 import models, numbers, sources, texts

    return [*numbers.OPERATORS, *texts.OPERATORS, *models.OPERATORS, *sources.OPERATORS]


@hookimpl
def rtml_commands() -> dict[str, Any]:
    """A command that is imported when it runs."""
    return {"api1-greet": "rtml_api1.commands:greet|Say hello as often as the settings say."}


@hookimpl
def rtml_converters() -> dict[str, Any]:
    """How two classes of a library become ONNX and are kept."""
    return {
        "rtml_api1.library.Saturate": "rtml_api1.converters:saturate",
        "rtml_api1.library.Above": {"convert": "rtml_api1.converters:above", "points": "rtml_api1.converters:above_points"},
        "rtml_api1.library.Handle": {
            "to_state": "rtml_api1.converters:to_state",
            "from_state": "rtml_api1.converters:from_state",
        },
    }


@hookimpl
def rtml_custom_ops() -> list[CustomOp]:
    """Custom operators of two kinds."""
    from rtml_api1.custom import HALVE, TURN

    return [TURN, HALVE]


@hookimpl
def rtml_boundaries() -> dict[str, str]:
    """A source and a sink where models are served."""
    return {"Api1Keys": "rtml_api1.boundary:Keys", "Api1Wrap": "rtml_api1.boundary:Wrapped"}


@hookimpl
def rtml_profile_stores() -> dict[str, str]:
    """A store of profiles."""
    return {"api1": "rtml_api1.boundary:Store"}
