"""ClientContext: which hub datasets are read from and written to."""

from __future__ import annotations

import threading
from typing import Any

from rtml_aep.settings import Settings

from platform_sdk.errors import PlatformSdkError
from rtml_core import settings
from rtml_core.client import Client
from rtml_core.errors import describe


class ClientContext:
    """What readers and writers of datasets are given first.

    The four documented arguments are taken and forgotten: they are credentials of another system, and no hub of rtml knows them.
    hub: the address of a hub, and key: an API key for it; without them it is the hub to which EdgeUtils publishes: that of the
    settings of the plugin `aep`, else of RTML_HUB, else the one of this machine, which is started when none runs.
    """

    def __init__(
        self,
        api_key: str | None = None,
        org_id: str | None = None,
        user_token: str | None = None,
        service_token: str | None = None,
        *,
        hub: str | None = None,
        key: str | None = None,
    ) -> None:
        self._hub = hub
        self._key = key
        self._lock = threading.Lock()
        self._client: Client | None = None

    def __repr__(self) -> str:
        found = self._client
        return f"<ClientContext of the hub {found.hub}>" if found is not None else "<ClientContext, not connected yet>"

    @property
    def client(self) -> Client:
        """A client of the hub, connected when it is first asked for."""
        with self._lock:
            if self._client is None:
                self._client = self._connected()
            return self._client

    def _connected(self) -> Client:
        from rtml_plugins.up.embedded import connect

        mine: Settings = settings("aep")
        key = self._key if self._key is not None or mine.key is None else mine.key.reveal()
        if self._hub is not None:
            return connect(self._hub, key=key)
        return connect(mine.hub, home=mine.home, regions=mine.regions, key=key)


def client_of(context: Any) -> Client:
    """The client of a context; PlatformSdkError when it is none."""
    if not isinstance(context, ClientContext):
        raise PlatformSdkError(
            f"a client context comes first, PLATFORM_SDK_CLIENT_CONTEXT in a notebook, else"
            f" platform_sdk.client_context.ClientContext(); got {describe(context)}"
        )
    return context.client
