"""Packages by their content: put once, found by their id, verified whenever they are read.

The id of a package is the SHA-256 of all its bytes but the last 64, which are that very digest (rtml_core.package): so the id
says what every byte of the file has to be. Places are anything that fsspec reaches; a package lies in a folder of the first two
letters of its id.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from rtml_core.errors import RtmlError
from rtml_core.package import write_atomically
from rtml_plugins.hub.errors import HubError, NotFound, Unavailable

_COMMENT: Final = 64
_ID: Final = re.compile(r"[0-9a-f]{64}")
_SUFFIX: Final = ".rtml"
#: what is written but was never renamed is removed when it is that old, in seconds
_ABANDONED: Final = 3600.0
#: places where an object appears whole or not at all without a rename
_OBJECTS: Final = frozenset({"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"})
_DRIVERS: Final = {"s3": "rtml[s3]", "s3a": "rtml[s3]", "gs": "rtml[gcs]", "gcs": "rtml[gcs]", "abfs": "adlfs", "az": "adlfs"}


def identity(data: bytes) -> str | None:
    """The id of a package, None when the bytes are not those of a whole package."""
    digest = hashlib.sha256(memoryview(data)[:-_COMMENT]).hexdigest()
    return digest if len(data) > _COMMENT and data[-_COMMENT:] == digest.encode() else None


class PackageStore:
    """Where packages lie. url: a folder, file://, memory://, s3://BUCKET/PREFIX, gcs://BUCKET/PREFIX, or what else fsspec knows.

    Raises HubError for a place that is none, Unavailable when its driver is not installed or the place can't be used.
    """

    def __init__(self, url: str | os.PathLike[str], **options: Any):
        self.url = os.fspath(url)
        scheme = self.url.partition("://")[0] if "://" in self.url else "file"
        self._filesystem, root = _filesystem(self.url, scheme, options)
        self._root = PurePosixPath(root)
        self._whole = scheme in _OBJECTS
        self._folder = Path(root) if scheme in ("file", "local") else None
        if self._folder is not None:
            self._prepare(self._folder)

    def _prepare(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path in folder.glob("??/.*"):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"packages can't be kept in {folder}: {error.strerror}. Choose a folder that this user may write"
            ) from None

    def put(self, data: bytes) -> str:
        """Keep a package; its id. It is there whole or not at all. Raises HubError for bytes that are no package."""
        package = identity(data)
        if package is None:
            raise HubError("these bytes are no whole rtml package: their digest does not match. Copy or build it again")
        if not self.has(package):
            self._write(package, data)
        return package

    def _write(self, package: str, data: bytes) -> None:
        path = self._path(package)
        try:
            if self._folder is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_atomically(path, data)
            elif self._whole:
                self._filesystem.pipe_file(path, data)
            else:
                beside = str(PurePosixPath(path).with_name(f".{package}.{os.urandom(6).hex()}"))
                self._filesystem.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
                self._filesystem.pipe_file(beside, data)
                self._filesystem.mv(beside, path)
        except RtmlError as error:
            raise Unavailable(str(error)) from error
        except Exception as error:  # drivers raise what they like
            raise self._unavailable(error) from error

    def get(self, package: str) -> bytes:
        """The bytes of a package, verified. Raises NotFound, and Unavailable when they are not what was put."""
        try:
            data = bytes(self._filesystem.cat_file(self._path(package)))
        except FileNotFoundError:
            raise self._missing(package) from None
        except Exception as error:
            raise self._unavailable(error) from error
        if identity(data) != package:
            raise Unavailable(
                f"package {package[:12]} in {self.url} is damaged: its bytes do not have the digest {package}. Remove that file"
                f" and publish the package again"
            )
        return data

    def has(self, package: str) -> bool:
        """Whether a package is here."""
        try:
            self._filesystem.invalidate_cache()
            return bool(self._filesystem.isfile(self._path(package)))
        except Exception as error:
            raise self._unavailable(error) from error

    def size(self, package: str) -> int:
        """Bytes of a package. Raises NotFound."""
        try:
            return int(self._filesystem.info(self._path(package))["size"])
        except FileNotFoundError:
            raise self._missing(package) from None
        except Exception as error:
            raise self._unavailable(error) from error

    def local(self, package: str) -> Path | None:
        """The file of a package, to send it without reading it; None when the store is no folder. Raises NotFound."""
        path = Path(self._path(package))
        if self._folder is None:
            return None
        if not path.is_file():
            raise self._missing(package)
        return path

    def delete(self, package: str) -> None:
        """Remove a package; nothing happens when it is not here."""
        try:
            self._filesystem.rm_file(self._path(package))
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._unavailable(error) from error

    def ping(self) -> None:
        """Raise Unavailable unless the place can be reached."""
        self.has("0" * _COMMENT)

    def packages(self) -> Iterator[tuple[str, float]]:
        """(id, when it was put in seconds since the epoch) of all packages that are here."""
        try:
            self._filesystem.invalidate_cache()
            paths = self._filesystem.find(str(self._root))
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._unavailable(error) from error
        for path in sorted(paths):
            name = PurePosixPath(path).name
            if name.endswith(_SUFFIX) and _ID.fullmatch(name.removesuffix(_SUFFIX)):
                yield name.removesuffix(_SUFFIX), self._modified(path)

    def _modified(self, path: str) -> float:
        try:
            moment = self._filesystem.modified(path)
        except FileNotFoundError:  # removed by another hub meanwhile
            return time.time()
        except Exception as error:
            raise self._unavailable(error) from error
        return moment.timestamp() if isinstance(moment, datetime) else float(moment)

    def _path(self, package: str) -> str:
        if not _ID.fullmatch(package):  # it becomes a path
            raise NotFound(f"{package[:80]!r} is no id of a package: expected 64 hexadecimal digits")
        return str(self._root / package[:2] / f"{package}{_SUFFIX}")

    def _missing(self, package: str) -> NotFound:
        return NotFound(f"package {package} is not in {self.url}. Publish it again")

    def _unavailable(self, error: Exception) -> Unavailable | NotFound:
        if isinstance(error, NotFound):
            return error
        text = " ".join(str(error).split()) or type(error).__name__
        return Unavailable(f"packages in {self.url} can't be reached: {text[:300]}")


def _filesystem(url: str, scheme: str, options: dict[str, Any]) -> tuple[Any, str]:
    from fsspec import filesystem
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations

    if scheme not in ("file", "local") and scheme not in known_implementations:
        raise HubError(f"packages can be kept in a folder, s3://BUCKET/PREFIX, gcs://BUCKET/PREFIX or memory://NAME; got {url}")
    found: tuple[Any, str]
    try:
        if scheme in ("file", "local"):
            return filesystem("file", **options), str(Path(url.removeprefix(f"{scheme}://")).expanduser().absolute())
        found = url_to_fs(url, **options)
        return found
    except ImportError:
        package = _DRIVERS.get(scheme)
        cure = f"pip install '{package}'" if package else str(known_implementations[scheme].get("err", "install its driver"))
        raise Unavailable(f"packages in {url} need a driver that is not installed: {cure}") from None
    except Exception as error:
        raise Unavailable(f"packages can't be kept in {url}: {' '.join(str(error).split())}") from error
