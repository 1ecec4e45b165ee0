"""How asking the hub fails."""

from __future__ import annotations

from rtml_core.errors import RtmlError


class HubFailed(RtmlError):
    """The hub can't be reached, or answered what an edge can't use."""


class AnswerUnread(HubFailed):
    """The hub answered what can't be read: too much of it, or not what was asked for. The same question has the same answer."""


class AnswerTooLarge(AnswerUnread):
    """The hub answered more than an edge takes."""


class KeyAwaited(HubFailed):
    """The hub asks for a key, and this edge is about to be given one."""


class StateRefused(HubFailed):
    """A state that an edge of this region can't serve."""


class MeasuresRefused(HubFailed):
    """What was counted is nothing that the hub can take, now or later."""


class MeasuresUnknown(HubFailed):
    """A hub that takes nothing of what edges count: it is older than this edge."""


class ProfilesUnknown(HubFailed):
    """A hub that knows of no profiles: it is older than this edge."""


class PredictionsRefused(HubFailed):
    """Predictions that the hub can't take, now or later."""
