"""What every store of profiles promises, as a class of tests for pytest.

    from rtml_plugins.profile.conformance import LastingStoreConformance, Place

    class TestMyStore(LastingStoreConformance):
        @pytest.fixture
        def place(self, tmp_path):
            return Place(f"mystore://{tmp_path}/store")

StoreConformance holds for any store, LastingStoreConformance also for those that outlive a process and are used by several.
A place is empty when its test begins. It needs pytest, which nothing else in rtml imports.
"""

from __future__ import annotations

from rtml_plugins.profile.conformance.changes import ChangesConformance
from rtml_plugins.profile.conformance.events import EventsConformance
from rtml_plugins.profile.conformance.lasting import LastingConformance
from rtml_plugins.profile.conformance.model import ModelConformance
from rtml_plugins.profile.conformance.place import Place
from rtml_plugins.profile.conformance.sizes import SizesConformance
from rtml_plugins.profile.conformance.threads import ThreadsConformance

__all__ = ["LastingStoreConformance", "Place", "StoreConformance"]


class StoreConformance(ChangesConformance, EventsConformance, SizesConformance, ThreadsConformance, ModelConformance):
    """For every store."""


class LastingStoreConformance(StoreConformance, LastingConformance):
    """For stores that keep what they have when the process ends, and that several processes may use."""
