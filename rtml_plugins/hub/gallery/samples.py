"""Rows that travel in a package: what one can try it with. Read from its archive once, and kept for some packages."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import PackageError
from rtml_core.package import SAMPLE, Manifest
from rtml_plugins.hub.store import PackageStore

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

#: packages whose rows are kept; how many rows of the author's own sample come first; bytes of a sample that is read
_PACKAGES: Final = 64
_OWN: Final = 8
_LONGEST: Final = 4 << 20


def rows(at: Context, package: str, manifest: Manifest) -> tuple[dict[str, Any], ...]:
    """Rows of the parity sample that a request could hold: real ones where the author gave some, else such as the parity gate
    made up; () when it was built without the gate. Raises Unavailable, NotFound and PackageError."""
    return _of(at.hub.store, package)[: _OWN if manifest.baseline is not None else None]


@lru_cache(_PACKAGES)
def _of(store: PackageStore, package: str) -> tuple[dict[str, Any], ...]:
    content = member(store, package, SAMPLE)
    if len(content) > _LONGEST:
        return ()
    try:
        read = msgspec.json.decode(content)["rows"]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise PackageError(f"package {package[:12]}... is damaged: its parity sample can't be read. Publish it again") from None
    return tuple(row for row in read if isinstance(row, dict))


def member(store: PackageStore, package: str, name: str) -> bytes:
    """A file of a package's archive, e.g. "model.onnx", without the others. Raises NotFound, Unavailable, PackageError."""
    file = store.local(package)
    source: Any = io.BytesIO(store.get(package)) if file is None else file
    try:
        with zipfile.ZipFile(source) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise PackageError(f"package {package[:12]}... is damaged in the hub's store: {error}. Publish it again") from None
