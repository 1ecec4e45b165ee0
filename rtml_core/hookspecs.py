"""The whole contract of a plugin, on one page.

A plugin is a module (or any object) named by an entry point in the group `rtml.plugins`:

    [project.entry-points."rtml.plugins"]
    geo = "rtml_geo"

It implements any of the hooks below with `@hookimpl`, and may say which plugin API it was written for:

    rtml_plugin_api = 1     # optional; the current number when absent

Order: plugins are loaded one at a time, those that ship with rtml first, then the others by distribution and name. Hooks
are asked for once, when the plugin is registered. Importing a plugin must be cheap: import pandas, scikit-learn, onnx and
the like inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    from rtml_core.custom_ops import CustomOp
    from rtml_core.operator import Operator
    from rtml_core.params import Params

#: entry-point group and pluggy project name
GROUP: Final = "rtml.plugins"
PROJECT: Final = "rtml"
#: the plugin API of this rtml; a plugin that declares another number is refused
PLUGIN_API: Final = 1

#: names of rtml's own commands, which no plugin may take
RESERVED_COMMANDS: Final = ("fit", "compile", "inspect", "check", "score", "operators", "custom-ops", "plugins", "schema")

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def rtml_operators() -> Sequence[type[Operator]]:
    """Operator classes that this plugin brings. Since plugin API 1.

    Each class is checked (name, docstring, Params, an implementation); a name that another plugin already brought is an
    error that names both distributions, unless RTML_PREFER settles it ("Haversine=geo").
    """
    raise NotImplementedError


@hookspec
def rtml_commands() -> Mapping[str, Any]:
    """Commands for the `rtml` command line, by name. Since plugin API 1.

    A value is a click.Command, or "module:attribute" (then the module is imported only when the command runs) optionally
    followed by "|" and a one-line help text: {"ingest": "rtml_xdm.cli:ingest|Read events into a dataset."} A name in
    RESERVED_COMMANDS, or of another plugin's command, is an error.
    """
    raise NotImplementedError


@hookspec
def rtml_converters() -> Mapping[str, str | Mapping[str, str]]:
    """How estimators of other packages become ONNX and are kept, by the path of their class. Since plugin API 1.

    The path is module and name as type(estimator) says them ("lightgbm.sklearn.LGBMClassifier"); it holds for exactly that
    class. A value is "module:function", the converter, or a dict of such texts: "convert"; "to_state" and "from_state" for
    classes whose fitted state is more than plain attributes; "points", where the estimator changes its mind. The modules
    are imported when such an estimator is first used. Estimators of the top-level packages named here may be kept in
    graphs. A class that another plugin already named is an error that names both, unless RTML_PREFER settles it.
    """
    raise NotImplementedError


@hookspec
def rtml_custom_ops() -> Sequence[CustomOp]:
    """Custom ONNX operators that this plugin brings. Since plugin API 1.

    Called when the plugin is registered, and again by a runtime that loads a package with one of them, if whoever runs it
    trusts the distribution. A domain, name and version that another plugin already brought is an error that names both.
    """
    raise NotImplementedError


@hookspec
def rtml_settings() -> type[Params]:
    """What can be set of this plugin, as a Params class: one annotated field each. Since plugin API 1.

    The file of settings has the values in its table [plugins.NAME], the environment in RTML_PLUGIN_<NAME>_<SETTING>.
    `rtml_core.settings("name")` gives the plugin its checked settings when it first needs them. A field of the type
    rtml_core.Secret is shown as *** everywhere.
    """
    raise NotImplementedError


@hookspec
def rtml_boundaries() -> Mapping[str, str]:
    """How sources and sinks run at the boundary of the runtime, by the name of the operator. Since plugin API 1.

    A value is "module:function"; function(entry, fields, resources) makes the Source or Sink (rtml_core.boundary) of one
    package: entry is the BoundaryEntry of its manifest with the plan that Operator.boundary said, fields the FieldEntry of each
    of its names (none for a sink), resources what whoever runs the runtime offers, by name ("profiles"). Its module is imported
    when such a package is loaded, where its distribution is trusted, and may import neither pandas nor anything that heavy.
    """
    raise NotImplementedError


@hookspec
def rtml_profile_stores() -> Mapping[str, str]:
    """Stores of customer profiles, by the scheme of their URLs. Since plugin API 1.

    A value is "module:Class" of a rtml_plugins.profile.store.ProfileStore: {"redis": "rtml_redis.store:RedisStore"}. The module
    is imported when a URL with that scheme is opened. A scheme that another plugin already brought is an error that names both.
    """
    raise NotImplementedError
