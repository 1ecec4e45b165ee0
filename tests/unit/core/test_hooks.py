"""Each hook by itself: when it is called, what its answer does, and what is wrong about another answer.

tests/docs/test_hooks.py demands a test named test_<hook> here for every hook.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import click
import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp, Operator, Params, Secret, doc, hookimpl, operators, profile_stores, settings
from rtml_core.cli.app import run
from rtml_core.converters import converter_for, converters
from rtml_core.errors import ConfigError, PluginError
from rtml_core.hookcalls import HOOKS
from rtml_core.plugins import plugins
from rtml_core.testing import isolated_plugins


class Twice(Operator):
    """Twice a number column, in place."""

    class Params(Params):
        col: Annotated[str, doc("column of numbers")]

    def columns(self) -> list[str]:
        return [self.params.col]

    def compute(self, xp: Any, value: Any) -> dict[str, Any]:
        return {self.params.col: 2 * value}


class Settings(Params):
    """What can be set of the test's plugin."""

    radius: Annotated[float, doc("a radius")] = 1.5
    token: Secret = Secret("hidden")


def hold(values: Any) -> Any:
    return values


HOLD = CustomOp("test.hooks", "hold", 1, ("float64",), ("float64",), hold, "The number itself.")
ANSWERS: dict[str, Any] = {
    "rtml_operators": [Twice],
    "rtml_commands": {"hold": "rtml_hold.cli:hold|Hold on."},
    "rtml_converters": {"far_away.Model": "far_converters:convert"},
    "rtml_custom_ops": [HOLD],
    "rtml_settings": Settings,
    "rtml_boundaries": {"Twice": "far_boundary:twice"},
    "rtml_profile_stores": {"far": "far_store:FarStore"},
}


def plugin(calls: list[str] | None = None, **answers: Any) -> SimpleNamespace:
    """A plugin whose hooks give these answers, and write down that they were called."""

    def hook(name: str) -> Any:
        def function() -> Any:
            if calls is not None:
                calls.append(name)
            return answers[name]

        function.__name__ = name
        return hookimpl(function)

    return SimpleNamespace(**{name: hook(name) for name in answers})


def order_of_the_calls() -> list[str]:
    """The hooks as rtml calls those of one plugin."""
    calls: list[str] = []
    with isolated_plugins(plugin(calls, **ANSWERS)):
        pass
    return calls


@pytest.fixture
def refused() -> Iterator[Any]:
    """Says why a plugin with these answers is broken, and that nothing of it was kept."""
    with isolated_plugins() as made:

        def ask(**answers: Any) -> str:
            with pytest.raises(PluginError) as failure:
                made.register(plugin(**{**ANSWERS, **answers}), "bad")
            assert "Twice" not in made.registry
            assert "hold" not in made.plugins.commands
            assert converters().find("far_away.Model") is None
            assert HOLD.key not in [op.key for op, _ in made.plugins.custom_ops.entries()]
            assert made.plugins.boundaries.find("Twice") is None
            assert "far" not in profile_stores()
            assert "bad" not in made.plugins.infos
            return str(failure.value)

        yield ask


def test_every_hook_is_called_once_when_its_plugin_is_registered() -> None:
    assert sorted(order_of_the_calls()) == sorted(HOOKS) == sorted(ANSWERS)


def test_all_hooks_of_a_plugin_come_before_those_of_the_next() -> None:
    calls: list[str] = []
    with isolated_plugins() as made:
        made.register(plugin(calls, rtml_operators=[], rtml_commands={}), "first")
        calls.clear()
        made.register(plugin(calls, rtml_operators=[], rtml_commands={}), "second")
    assert calls == ["rtml_operators", "rtml_commands"] * 2


def test_a_plugin_without_a_hook_is_refused() -> None:
    with pytest.raises(PluginError, match="it has no hook"), isolated_plugins(SimpleNamespace(rtml_plugin_api=1)):
        pass


def test_rtml_operators(refused: Any) -> None:
    with isolated_plugins(plugin(rtml_operators=(Twice,))):
        node = operators.Twice(col="a")
        assert node.process(pd.DataFrame({"a": [1.5]})).data["a"].tolist() == [3.0]
    undocumented = type("Silent", (Operator,), {"transform": lambda self, frame: frame})
    assert "must return a list of operator classes; got {'Twice'" in refused(rtml_operators={"Twice": Twice})
    assert "an operator must be a subclass of rtml_core.Operator; got 3" in refused(rtml_operators=[Twice, 3])
    assert "operator Silent has no docstring" in refused(rtml_operators=[Twice, undocumented])
    pandas = type("Pandas", (Operator,), {"__doc__": "Mine.", "transform": lambda self, frame: frame})
    assert "'Pandas' is brought by plugin 'pandas' (built in) and by plugin 'bad'" in refused(rtml_operators=[Twice, pandas])


def test_rtml_commands(refused: Any, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command(help="Say hello.")
    def hello() -> None:
        click.echo("hello")

    with isolated_plugins(plugin(rtml_commands={"hello": hello, "hold": "rtml_hold.cli:hold|Hold on."})):
        assert run(["--help"]) == 0
        text = capsys.readouterr().out
        assert "Say hello." in text
        assert "Hold on." in text
        assert run(["hello"]) == 0
        assert capsys.readouterr().out == "hello\n"
        assert run(["hold"]) == 1
        assert "the command 'hold' of plugin" in capsys.readouterr().err
    assert "must return a dict of names and commands" in refused(rtml_commands=["hold"])
    assert "command 'score' is one of rtml's own" in refused(rtml_commands={"score": "a:b|c"})


def test_rtml_converters(refused: Any) -> None:
    class Model:
        """Stands for an estimator of another package."""

    Model.__module__, Model.__qualname__ = "far_away", "Model"
    with isolated_plugins(plugin(rtml_converters={"far_away.Model": {"convert": "math:floor", "points": "math:ceil"}})):
        entry = converter_for(Model)
        assert entry is not None
        assert entry.function("convert") is not None
        assert (entry.convert, entry.points) == ("math:floor", "math:ceil")
        assert "far_away" in converters().packages()
    assert converter_for(Model) is None
    assert "must return a dict of class paths and functions" in refused(rtml_converters=["far_away.Model"])
    assert "there is no part 'covnert'" in refused(rtml_converters={"far_away.Model": {"covnert": "a:b"}})
    assert 'convert must be like "module:function"' in refused(rtml_converters={"far_away.Model": "convert"})


def test_rtml_custom_ops(refused: Any) -> None:
    with isolated_plugins(plugin(rtml_custom_ops=[HOLD])) as made:
        origin = plugins().custom_ops.origin_of(HOLD)
        assert origin is not None
        assert made.info(origin.plugin).custom_ops == [str(HOLD)]
    assert "must return a list of CustomOp; got" in refused(rtml_custom_ops={"hold": HOLD})
    assert "is twice in rtml_custom_ops" in refused(rtml_custom_ops=[HOLD, HOLD])
    nameless = CustomOp("test.hooks", "Hold", 1, ("float64",), ("float64",), hold, "The number itself.")
    assert "the name must be lower case" in refused(rtml_custom_ops=[nameless])
    assert np.array_equal(hold(np.ones(2)), np.ones(2))


def test_rtml_settings(refused: Any, rtml_environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with isolated_plugins() as made:
        made.register(plugin(rtml_settings=Settings), "held")
        assert settings("held").radius == 1.5
        assert run(["plugins", "show", "held"]) == 0
        text = capsys.readouterr().out
        assert "radius" in text
        assert "hidden" not in text
    rtml_environment.setenv("RTML_PLUGIN_HELD_RADIUS", "wide")
    with isolated_plugins() as made:
        made.register(plugin(rtml_settings=Settings), "held")
        with pytest.raises(ConfigError, match="RTML_PLUGIN_HELD_RADIUS must be a number; got 'wide'"):
            settings("held")
    assert "must return a subclass of rtml_core.Params; got" in refused(rtml_settings={"radius": 1.5})


def test_rtml_boundaries(refused: Any) -> None:
    with isolated_plugins(plugin(rtml_operators=[Twice], rtml_boundaries={"Twice": "math:floor"})) as made:
        place = made.plugins.boundaries.find("Twice")
        assert place is not None
        assert place.load()(2.5) == 2
        assert made.info(place.origin.plugin).boundaries == ["Twice"]
    assert "must return a dict of names and places" in refused(rtml_boundaries=["Twice"])
    assert "must give \"module:attribute\" for 'Twice'; got 'twice'" in refused(rtml_boundaries={"Twice": "twice"})
    assert "operator 'XDM2Frame' is brought by" in refused(rtml_boundaries={"XDM2Frame": "math:floor"})


def test_rtml_profile_stores(refused: Any) -> None:
    with isolated_plugins(plugin(rtml_profile_stores={"far": "collections:OrderedDict"})):
        assert profile_stores()["far"].load().__name__ == "OrderedDict"
    absent = plugin(rtml_profile_stores={"far": "far_far_away:Store"})
    with isolated_plugins(absent), pytest.raises(PluginError, match="names for 'far', can't be imported: ModuleNotFoundError"):
        profile_stores()["far"].load()
    assert "must return a dict of names and places" in refused(rtml_profile_stores="far")
    assert "scheme 'sqlite' is brought by" in refused(rtml_profile_stores={"sqlite": "far_store:FarStore"})
