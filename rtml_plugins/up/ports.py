"""Ports of this machine: whether one is free, free ones, and whether a hub or edge answers at one."""

from __future__ import annotations

import contextlib
import http.client
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


def reachable(host: str) -> str:
    """An address to call for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def answers(host: str, port: int) -> bool:
    """Whether a hub or edge answers there. host: as `reachable` gives it."""
    with contextlib.closing(http.client.HTTPConnection(host.strip("[]"), port, timeout=5)) as connection:
        try:
            connection.request("GET", "/v1/health/live")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


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
