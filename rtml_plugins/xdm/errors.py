"""What goes wrong with XDM, as errors whose text is meant for a user."""

from __future__ import annotations

from rtml_core.errors import RtmlError


class XdmError(RtmlError):
    """Root of what this room raises."""


class SchemaError(XdmError):
    """A schema can't be read, is not there, or can't be resolved; the text names the file or $id and the place in it."""


class SpellingError(XdmError):
    """A document can't be respelled without loss; the text names the place in the document."""
