"""The documented platform_sdk: datasets read and written from notebooks, by way of rtml's hub.

A thin door: what is chosen, filtered and sorted is so by the hub (see rtml_plugins.xdm.datasets_query). In a notebook the
variable PLATFORM_SDK_CLIENT_CONTEXT is there once anything of this package has been imported; elsewhere a ClientContext is made.
"""

from __future__ import annotations

import sys


def _offer_context() -> None:
    """Give the notebook that imports this the variable that documented cells use, unless it has one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        from platform_sdk.client_context import ClientContext

        if "PLATFORM_SDK_CLIENT_CONTEXT" not in shell.user_ns:
            shell.push({"PLATFORM_SDK_CLIENT_CONTEXT": ClientContext()}, interactive=False)


_offer_context()
