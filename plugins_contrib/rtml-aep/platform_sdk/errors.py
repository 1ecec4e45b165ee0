"""What goes wrong here, in a sentence with the cure."""

from __future__ import annotations

from rtml_core.errors import RtmlError


class PlatformSdkError(RtmlError):
    """Something was asked of a dataset that can't be done."""
