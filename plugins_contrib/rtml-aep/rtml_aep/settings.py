"""Settings of the plugin `aep`: where EdgeUtils publishes."""

from __future__ import annotations

from typing import Annotated

from rtml_core import Params, Secret, doc
from rtml_core.errors import ParamError


class Settings(Params):
    """[plugins.aep] in the file of settings, or RTML_PLUGIN_AEP_HUB and so on."""

    hub: Annotated[str | None, doc("address of the hub; without hub and home, that of RTML_HUB")] = None
    home: Annotated[
        str | None,
        doc("folder of a hub of this machine, which is started when it does not run; else up in $RTML_HOME or ~/.rtml"),
    ] = None
    key: Annotated[Secret | None, doc("API key for hub and edges; else RTML_API_KEY")] = None
    regions: Annotated[
        list[str] | None, doc("regions that serve what is published, scored at in this order; else wherever there are edges")
    ] = None

    def validate(self) -> None:
        if self.hub is not None and self.home is not None:
            raise ParamError("parameter 'home' must be left out where 'hub' names one that runs")
