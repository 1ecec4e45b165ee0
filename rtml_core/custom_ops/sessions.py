"""What an onnxruntime session needs to run custom operators: bodies declared, libraries registered, failures in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtml_core.custom_ops import guarding, hosting, native
from rtml_core.custom_ops.declaration import CustomOp
from rtml_core.errors import PluginError


def open_session(model: bytes, options: Any, ops: Sequence[CustomOp], extensions: str | None) -> Any:
    """An InferenceSession over a model that has these custom operators. extensions: path of the library of
    onnxruntime-extensions, where the model has operators of it or Python operators.

    Raises PluginError for an operator that can't be loaded, CustomOpError for one that fails on constants of the model, and
    what onnxruntime raises for the model itself.
    """
    import onnxruntime as ort

    hosting.declare(ops)
    if extensions is not None:  # after the declaring: it registers what has been declared
        options.register_custom_ops_library(extensions)
    native.register(options, ops)
    try:
        return guarded(ort.InferenceSession, ops, texts=False)(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        op = native.absent(error, ops)
        if op is None:
            raise
        raise PluginError(
            f"the library {native.library_path(op)} has no operator '{op.name}' in the domain '{op.onnx_domain}', so that"
            f" {op} can't run; register it there (RegisterCustomOps), under this very version"
        ) from error


def guarded(run: Callable[..., Any], ops: Sequence[CustomOp], *, texts: bool) -> Callable[..., Any]:
    """`run`, which runs or opens a session with these operators, raising CustomOpError when one of them fails in it, and in which
    no signal is answered, where that would end the process. texts: whether it takes tensors of strings."""
    if any(op.kind == "python" for op in ops):
        run = guarding.guarded(run)
    elif texts:
        run = guarding.undisturbed(run)
    return native.guarded(run, ops)


def takes_texts(session: Any) -> bool:
    """Whether a tensor of strings is among the inputs of an InferenceSession."""
    return any(taken.type == "tensor(string)" for taken in session.get_inputs())
