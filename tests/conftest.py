"""What every test stands on."""

import os

import pytest
from hypothesis import settings

# Two workers share two cores, so how long an example takes says nothing; CI repeats the same examples every time.
settings.register_profile("rtml", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("rtml")


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees rtml's defaults, whatever variables and file of settings the developer has."""
    for name in [name for name in os.environ if name.startswith("RTML_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RTML_CONFIG", os.devnull)
