"""What installed plugins say about estimators of other packages: the door to it for operators that keep and compile them."""

from __future__ import annotations

from rtml_core.registry import ConverterEntry, Converters

__all__ = ["ConverterEntry", "Converters", "class_path", "converter_for", "converters"]


def converters() -> Converters:
    """The converters that the plugins of this process bring (hook rtml_converters)."""
    from rtml_core.plugins import plugins

    return plugins().converters


def class_path(cls: type) -> str:
    """Module and name of a class, under which a plugin names it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def converter_for(cls: type) -> ConverterEntry | None:
    """What a plugin says about exactly this class, or None."""
    return converters().find(class_path(cls))
