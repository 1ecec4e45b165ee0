"""A plugin that can't be imported: what it needs is not installed."""

import loyalty_store_that_is_not_there

from rtml_core import hookimpl


@hookimpl
def rtml_operators():
    return loyalty_store_that_is_not_there.operators()
