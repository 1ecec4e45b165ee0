"""What a package has to pass before a hub takes it, in a process of its own."""

from __future__ import annotations

import msgspec

from rtml_core.errors import PackageError
from rtml_core.package import Manifest
from rtml_plugins.hub.errors import Refused


class Checked(msgspec.Struct, frozen=True):
    """A package that passed. size: bytes."""

    id: str
    size: int
    manifest: Manifest


def check_package(data: bytes, trust: tuple[str, ...] = ()) -> Checked:
    """Load a package as an edge would. Raises Refused with the reason."""
    from rtml_core.runtime import Runtime

    try:
        runtime = Runtime.from_bytes(data, trust=trust)
    except PackageError as error:
        raise Refused(str(error)) from error
    return Checked(runtime.id, len(data), runtime.manifest)
