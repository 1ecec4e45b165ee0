"""Texts that people give: what a database, of whatever kind, can keep and find."""

from __future__ import annotations

from rtml_plugins.hub.errors import HubError


def check_text(text: str | None, what: str) -> None:
    """HubError for a text with U+0000, which PostgreSQL does not keep, or with half of a character, which nothing can send."""
    if text is not None and ("\0" in text or any("\ud800" <= char <= "\udfff" for char in text)):
        raise HubError(f"{what} has to be Unicode text without U+0000; got {text[:60]!a}")
