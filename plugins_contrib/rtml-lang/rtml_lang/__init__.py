"""Language-aware cleaning of texts for rtml: title case and transliteration, which need Python where they run."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import CustomOp, Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """TitleCase, Transliterate."""
    from rtml_lang.operators import TitleCase, Transliterate

    return [TitleCase, Transliterate]


@hookimpl
def rtml_custom_ops() -> Sequence[CustomOp]:
    """What they run in a package."""
    from rtml_lang.ops import TITLE_CASE, TRANSLITERATE

    return [TITLE_CASE, TRANSLITERATE]
