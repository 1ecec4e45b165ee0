"""Events of profiles that are too old go by and by, when the hub was told how long they are kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from rtml_core.errors import RtmlError
from rtml_plugins.serving.logs import logger

if TYPE_CHECKING:
    from rtml_plugins.profile.profiles import Profiles

_LOG: Final = logger("rtml.hub")
_DAY: Final = 86_400 * 1_000_000
#: seconds between looks for events that are too old
EVERY: Final = 3600.0
#: events that go in one step, and seconds between steps, in which others write
STEP: Final = 1000
PAUSE: Final = 0.05


class Ageing:
    """Drops events of profiles that are older than `days`, in the background, until it is closed."""

    def __init__(self, profiles: Profiles, days: float):
        self._profiles, self._days = profiles, days
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtml-ageing", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self.once()
            except RtmlError as error:
                _LOG.warning("old events can't be dropped; it is tried again", reason=str(error))
            except Exception:
                _LOG.exception("old events can't be dropped; it is tried again")
            if self._end.wait(EVERY):
                return

    def once(self) -> int:
        """Drop what is too old now; how many events that were."""
        store = self._profiles.store
        before = self._profiles.clock() - int(self._days * _DAY)
        dropped = 0
        while not self._end.is_set():
            gone = store.drop_events(before, limit=STEP)
            dropped += gone
            if gone < STEP:
                break
            self._end.wait(PAUSE)
        if dropped:
            _LOG.info("events of profiles dropped that were too old", events=dropped, days=self._days)
        return dropped

    def close(self) -> None:
        """Stop after the step that is being made."""
        self._end.set()
        self._thread.join()
