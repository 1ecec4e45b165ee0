"""ModelUpload: an ONNX file into the local model store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.errors import NotLowerableError, RtmlError, describe


class ModelUploadParams(Params):
    """See ModelUpload."""

    model_path: Annotated[str, doc("The ONNX file.", "the path of an ONNX file")]


class ModelUpload(Operator):
    """Keeps an ONNX file in the local model store; the message's `model` has its `model_id`, `location` and `size` in bytes.

    The id is the SHA-256 of the file: the same file has the same id, and is kept once. A frame passes unchanged. For
    authoring only; a graph names the model by its id, in ONNXNode.
    """

    Params = ModelUploadParams
    role = "authoring"

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Upload the file; raises RtmlError when it can't be read or is no ONNX model."""
        from rtml_plugins.onnx_ops.store import ModelStore

        data = read_model_file(self.params.model_path)
        store = ModelStore()
        model_id = store.put(data)
        frame = message.data if isinstance(message, DataMsg) else message
        return DataMsg(data=frame, model={"model_id": model_id, "location": str(store.path(model_id)), "size": len(data)})


def read_model_file(path: str) -> bytes:
    """The bytes of an ONNX file that says all by itself; raises RtmlError naming the file and the cure."""
    from rtml_core.lowering.fragment import load, refuse_external_data

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RtmlError(f"the model file '{path}' can't be read ({error.strerror}); give the path of an ONNX file") from None
    try:
        model = load(data)
    except NotLowerableError:
        raise RtmlError(
            f"the model file '{path}' is not an ONNX model, or not the whole of one: it has {len(data):,} bytes and begins with"
            f" {describe(data[:20])}; export or download it again"
        ) from None
    try:
        refuse_external_data(model)
    except NotLowerableError as error:
        raise RtmlError(f"the model file '{path}': {error}") from None
    return data
