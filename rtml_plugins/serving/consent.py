"""A person said no: what is raised in place of a prediction about them.

LIGHT: loaded by edges.
"""

from __future__ import annotations

from rtml_core.errors import RtmlError


class ConsentRefused(RtmlError):
    """The person of a request refused personalisation; nothing about them is scored. An edge answers 403 consent-refused."""

    def __init__(self) -> None:
        super().__init__(self.sentence())

    @staticmethod
    def sentence() -> str:
        """What is said."""
        return (
            "this person refused personalisation (consents.personalize.content), so nothing about them is scored: show them what"
            " everybody is shown"
        )


class ProfileUnknown(ConsentRefused):
    """It is not known in time whether the person of a request refused, and the model is not to guess (ProfileReader: unknown)."""

    @staticmethod
    def sentence() -> str:
        return (
            "this person's profile is not known in time, so neither is whether they refused personalisation, and nothing about"
            ' them is scored (ProfileReader has unknown="refuse"): ask again, or show them what everybody is shown'
        )
