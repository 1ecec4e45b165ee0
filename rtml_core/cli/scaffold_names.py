"""The names of a new package: one word from the author, checked, and what is made from it."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
from dataclasses import dataclass
from typing import Final

import rtml_core
from rtml_core.cli.listing import discovered
from rtml_core.errors import RtmlError, describe
from rtml_core.registry import IN_DEVELOPMENT

#: PEP 508: letters, digits, and . _ - between them; here with a letter first, as the operator gets its name from it
_NAME: Final = re.compile(r"[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PASCAL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_LONGEST: Final = 60
#: what the templates import besides
_IMPORTED: Final = ("Annotated", "Any", "Mapping", "ParamError", "Sequence")
#: modules of rtml itself, which plugins `core` and `plugins` would be called
_OWN_MODULES: Final = ("rtml_core", "rtml_plugins")


@dataclass(frozen=True)
class Names:
    """plugin: "sales-tax"; distribution: "rtml-sales-tax"; module: "rtml_sales_tax"; operator: "SalesTax"."""

    plugin: str
    operator: str

    @property
    def distribution(self) -> str:
        return f"rtml-{self.plugin}"

    @property
    def module(self) -> str:
        return f"rtml_{self.column}"

    @property
    def column(self) -> str:
        return self.plugin.replace("-", "_")


def names_of(name: str, operator: str | None = None) -> Names:
    """All names from the one that the author gave, without a leading rtml-; RtmlError with the cure when one can't be used."""
    plugin = plugin_name(name)
    made = Names(plugin, operator if operator is not None else "".join(part.capitalize() for part in plugin.split("-")))
    check_operator_name(made.operator, given=operator is not None)
    _check_free(made)
    return made


def plugin_name(name: str) -> str:
    """The name of a plugin, normalized as names of distributions are (PEP 503)."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise RtmlError(
            f"the name of a plugin must be letters, digits and hyphens, begin with a letter and have at most {_LONGEST}"
            f" characters, like 'loyalty' or 'sales-tax'; got {describe(name)}"
        )
    plugin = re.sub(r"[-_.]+", "-", name).lower().removeprefix("rtml-")
    if not plugin[0].isalpha():
        raise RtmlError(f"the name of a plugin must begin with a letter; got {describe(plugin)}, from {describe(name)}")
    if keyword.iskeyword(plugin) or keyword.iskeyword(plugin.capitalize()):
        raise RtmlError(f"'{plugin}' is a word of Python; choose another name")
    if f"rtml_{plugin.replace('-', '_')}" in _OWN_MODULES or plugin == "rtml":
        raise RtmlError(f"'{plugin}' would take the name of a part of rtml; choose another name")
    return plugin


def check_operator_name(operator: str, *, given: bool) -> None:
    """RtmlError unless the name can be that of a class, in the form that operators have."""
    if not _PASCAL.fullmatch(operator) or keyword.iskeyword(operator):
        how = "--operator must be" if given else "the operator's name, made from the plugin's, must be"
        raise RtmlError(f"{how} a word like 'Haversine' (a capital letter, then letters and digits); got {describe(operator)}")


def _check_free(names: Names) -> None:
    """RtmlError when a plugin, a module or an operator of that name is installed."""
    known = discovered()
    if names.plugin in known.infos:
        source = known.infos[names.plugin].source
        raise RtmlError(
            f"the plugin name '{names.plugin}' is taken ({source}); choose another name (rtml plugins list shows all)"
        )
    if importlib.util.find_spec(names.module) is not None:
        raise RtmlError(f"a module '{names.module}' is installed already; choose another name")
    if names.operator in known.registry:
        origin = known.registry.entry(names.operator).origin
        if origin.distribution != IN_DEVELOPMENT:  # one in development is about to move into the package
            raise RtmlError(f"an operator '{names.operator}' is brought by {origin}; name yours with --operator")
    if names.operator in (*rtml_core.__all__, *_IMPORTED) or hasattr(builtins, names.operator):
        raise RtmlError(f"'{names.operator}' is a name that rtml or Python has already; name the operator with --operator")
