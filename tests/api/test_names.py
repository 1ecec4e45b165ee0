"""What the policy promises beside names in Python: variables, tables of the settings, keys of listings, fixtures."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtml_core import CustomOp, Operator, Params, config, hookimpl, settings
from rtml_core.hookspecs import GROUP
from rtml_core.testing import pytest_plugin

CONTRACT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "plugin-contract.md"
TESTING = CONTRACT.with_name("testing.md")
#: option -> its variable, as plugin API 1 began; more may come, none of them goes
VARIABLES = {
    "trust": "RTML_TRUST",
    "plugins": "RTML_PLUGINS",
    "block": "RTML_BLOCK_PLUGINS",
    "prefer": "RTML_PREFER",
    "strict": "RTML_STRICT_PLUGINS",
}
OF_A_PLUGIN = {"name", "distribution", "version", "api", "state", "error", "operators", "commands", "converters", "custom_ops"}
OF_AN_OPERATOR = {"name", "version", "plugin", "distribution", "distribution_version", "role", "summary", "learns", "lowers"}
OF_A_CUSTOM_OP = {"domain", "name", "version", "kind", "inputs", "outputs", "arguments", "portable", "doc", "onnx_domain", "body"}
OF_A_SETTING = {"plugin", "name", "variable", "expected", "value", "source", "text", "problem"}
#: listing, as words of the command line -> keys that each of its objects has
LISTINGS = {
    "plugins list": OF_A_PLUGIN | {"settings", "seconds"},
    "plugins show named": OF_A_PLUGIN | {"settings", "settings_problems", "seconds"},
    "plugins settings": OF_A_SETTING,
    "operators list": OF_AN_OPERATOR,
    "operators show Named": OF_AN_OPERATOR | {"doc", "parameters", "tolerance", "lowering", "formula"},
    "custom-ops list": OF_A_CUSTOM_OP | {"plugin", "distribution", "distribution_version", "sees_missing", "gives_missing"},
    "custom-ops show named:turn": OF_A_CUSTOM_OP | {"plugin", "distribution", "distribution_version"},
}


class Settings(Params):
    times: int = 1


class Named(Operator):
    """A column as it is."""

    class Params(Params):
        col: str

    def transform(self, frame: Any) -> Any:
        return frame


def turn(texts: Any) -> Any:
    """Texts from their end."""
    return np.array([text[::-1] for text in texts], dtype=object)


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    return [Named]


@hookimpl
def rtml_custom_ops() -> list[CustomOp]:
    return [CustomOp("named", "turn", 1, ("string",), ("string",), turn, "Texts from their end.")]


@hookimpl
def rtml_settings() -> type[Params]:
    return Settings


class Plugin:
    """One of each kind of listing."""

    rtml_operators = staticmethod(rtml_operators)
    rtml_custom_ops = staticmethod(rtml_custom_ops)
    rtml_settings = staticmethod(rtml_settings)


@pytest.mark.parametrize("words", LISTINGS)
def test_a_listing_has_the_keys_that_programs_read(words: str, rtml_plugins: Any, rtml_cli: Any) -> None:
    rtml_plugins.register(Plugin(), "named", distribution="rtml-named", version="1.0")
    shown = rtml_cli(*words.split(), "--json").json
    shown = shown if isinstance(shown, list) else [shown]
    assert shown
    for item in shown:
        assert LISTINGS[words] - set(item) == set(), f"plugin API 1 promises the keys of `rtml {words} --json`"


def test_variables_and_tables_have_the_names_that_people_set(
    rtml_plugins: Any, rtml_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert VARIABLES.items() <= dict(config.VARIABLES).items()
    for name, value in (("RTML_TRUST", "rtml-one,two"), ("RTML_PREFER", "A=b"), ("RTML_STRICT_PLUGINS", "1")):
        rtml_environment.setenv(name, value)
    assert (set(config.option("trust")), config.option("prefer")) == ({"rtml-one", "two"}, {"A": "b"})
    assert config.option("strict") is True
    (tmp_path / "mine.toml").write_text('[rtml]\nblock = ["slow"]\n[plugins.named]\ntimes = 3\n')
    rtml_environment.setenv("RTML_CONFIG", str(tmp_path / "mine.toml"))
    rtml_plugins.register(Plugin(), "named")
    assert "slow" in config.option("block")
    assert settings("named").times == 3  # type: ignore[attr-defined]


def test_a_variable_sets_what_a_plugin_declares(rtml_plugins: Any, rtml_environment: pytest.MonkeyPatch) -> None:
    rtml_environment.setenv("RTML_PLUGIN_NAMED_TIMES", "4")
    rtml_plugins.register(Plugin(), "named")
    assert settings("named").times == 4  # type: ignore[attr-defined]


def test_the_contract_names_each_variable() -> None:
    named = re.findall(r"^\| `(RTML_\w+)", CONTRACT.read_text(), re.MULTILINE)
    assert set(named) >= {*config.VARIABLES.values(), "RTML_CONFIG", "RTML_PLUGIN_"}


def test_the_group_and_the_fixtures_keep_their_names() -> None:
    assert GROUP == "rtml.plugins"
    page = TESTING.read_text()
    for fixture in ("rtml_plugins", "rtml_frame", "rtml_cli", "rtml_environment"):
        assert f"| `{fixture}` |" in page
        assert type(inspect.getattr_static(pytest_plugin, fixture)).__name__ == "FixtureFunctionDefinition"
