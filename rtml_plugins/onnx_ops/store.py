"""The local model store: a folder of files named by what is in them.

The id of a model is the SHA-256 of its bytes, so that the same file has the same id everywhere and is kept once. The folder
is $RTML_HOME/models, or ~/.rtml/models.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from rtml_core.errors import RtmlError, UnknownNameError, describe

_ID = re.compile(r"[0-9a-f]{64}")


class StoreError(RtmlError):
    """The model store can't be read or written, or what it holds is damaged."""


def digest(data: bytes) -> str:
    """The id of a model."""
    import hashlib  # loads OpenSSL, which a listing of operators does not need

    return hashlib.sha256(data).hexdigest()


def is_id(text: str) -> bool:
    """Whether a text has the form of a model id."""
    return _ID.fullmatch(text) is not None


def default_root() -> Path:
    """Where models are kept unless a store says otherwise."""
    home = os.environ.get("RTML_HOME")
    return (Path(home) if home else Path.home() / ".rtml") / "models"


class ModelStore:
    """Models by id in a folder, which is made when the first one is kept."""

    def __init__(self, root: str | os.PathLike[str] | None = None):
        self.root = Path(root) if root is not None else default_root()

    def path(self, model_id: str) -> Path:
        """Where a model is, or would be, kept."""
        return self.root / f"{model_id}.onnx"

    def __contains__(self, model_id: object) -> bool:
        return isinstance(model_id, str) and is_id(model_id) and self.path(model_id).is_file()

    def put(self, data: bytes) -> str:
        """Keep a model and return its id. The file appears whole or not at all; what is there already stays as it is."""
        import tempfile

        model_id = digest(data)
        target = self.path(model_id)
        if target.is_file() and target.stat().st_size == len(data):
            return model_id
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.root, prefix=".incoming-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StoreError(
                f"the model store {self.root} can't be written ({error.strerror}): set RTML_HOME to a folder of yours"
            ) from error
        return model_id

    def get(self, model_id: str) -> bytes:
        """The bytes of a model. Raises UnknownNameError when it is not there, StoreError when it is damaged."""
        if not is_id(model_id):
            raise UnknownNameError(
                f"a model id is the SHA-256 of the file, 64 digits and letters, as ModelUpload gives it; got {describe(model_id)}"
            )
        try:
            data = self.path(model_id).read_bytes()
        except FileNotFoundError:
            raise UnknownNameError(
                f"the model {model_id[:12]}... is not in the store {self.root}: upload it with ModelUpload(model_path=...)"
            ) from None
        except OSError as error:
            raise StoreError(f"the model {model_id[:12]}... can't be read from {self.root} ({error.strerror})") from error
        if digest(data) != model_id:
            raise StoreError(f"the file {self.path(model_id)} is damaged: delete it and upload the model again")
        return data
