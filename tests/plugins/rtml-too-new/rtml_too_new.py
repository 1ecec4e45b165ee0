"""A plugin for a plugin API of the future, which nobody here may ask for its operators."""

from rtml_core import hookimpl

rtml_plugin_api = 99


@hookimpl
def rtml_operators():
    raise AssertionError("called by an rtml that does not know this plugin API")
