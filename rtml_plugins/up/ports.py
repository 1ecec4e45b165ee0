"""Ports of this machine: whether one is free, and free ones."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence

from rtml_core.errors import RtmlError


class PortTaken(RtmlError):
    """A port is in use."""


def check_free(host: str, ports: Sequence[int]) -> None:
    """PortTaken, naming it, unless all can be bound."""
    for port in ports:
        taken = _why_not(host, port)
        if taken is not None:
            raise PortTaken(f"port {port} of {host} can't be used ({taken}): name another with --port, or --port 0 for free ones")


def free_after(host: str, port: int) -> Iterator[int]:
    """The ports above that are free now, in their order."""
    return (above for above in range(port + 1, 65_536) if _why_not(host, above) is None)


def free_ports(host: str, count: int) -> list[int]:
    """So many ports that are free now."""
    with contextlib.ExitStack() as opened:
        ports = []
        for _ in range(count):
            one = opened.enter_context(contextlib.closing(_socket(host)))
            one.bind((host, 0))
            ports.append(int(one.getsockname()[1]))
        return ports


def _why_not(host: str, port: int) -> str | None:
    """Why a port can't be bound; None when it can."""
    with contextlib.closing(_socket(host)) as one:
        try:
            one.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _socket(host: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
