"""Recording: pandas written on a proxy of a frame becomes a graph, so that training code is serving code."""

from __future__ import annotations

from rtml_plugins.recording.frame import record

__all__ = ["record"]
