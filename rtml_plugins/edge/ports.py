"""The address that an edge listens on: found free, and held for its workers as long as the edge runs."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from rtml_core.errors import RtmlError

_REASONS: Final = {
    errno.EADDRINUSE: "another process listens there: stop it, or choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have that address: name one of its own, 127.0.0.1 or 0.0.0.0",
    errno.EACCES: "this user may not listen there: choose a port from 1024 on",
}


class AddressRefused(RtmlError):
    """An address that can't be listened on."""


def numeric(host: str) -> str:
    """The IP address of a host; AddressRefused when it has none."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise AddressRefused(f"--host {host}: no address of this machine has that name, e.g. 127.0.0.1 or 0.0.0.0") from None
    return str(found[0][4][0])


def check_free(host: str, port: int) -> None:
    """AddressRefused when someone listens there already; several processes of one edge may, which the workers make use of."""
    with closing(_socket(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a process that just ended is free
        _bind(probe, host, port)


@contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """The port, a free one for 0, kept from others by a socket that is bound and does not listen.

    AddressRefused when it can't be had.
    """
    if port:
        check_free(host, port)
    with closing(_socket(host)) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            # Without SO_REUSEADDR: two sockets that have it and don't listen may be bound to one port.
            _bind(held, host, port)
        except AddressRefused:  # what is left of connections of a server that was not an edge
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(held, host, port)
        yield int(held.getsockname()[1])


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


def _bind(bound: socket.socket, host: str, port: int) -> None:
    try:
        bound.bind((host, port))
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise AddressRefused(f"port {port} of {host} can't be used: {reason}") from None
