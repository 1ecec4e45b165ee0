"""Messages of the protocol over gRPC, made from the compiled inference.proto.

They live in a pool of their own: another package in the process (tritonclient, kserve) may register the same names in protobuf's
default pool, where they would clash. Made from the descriptors alone, they work with every protobuf that has message_factory.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from rtml_plugins.edge.v2.tensors import refuse

#: elements of a datatype -> the list of InferTensorContents that holds them
CONTENTS: Final = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
INFERENCE: Final = "inference.GRPCInferenceService"
HEALTH: Final = "grpc.health.v1.Health"


def _pool() -> Any:
    compiled = descriptor_pb2.FileDescriptorSet.FromString(files(__package__).joinpath("inference.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in compiled.file:
        pool.Add(file)
    return pool


_POOL: Final = _pool()


def message(name: str) -> Any:
    """The class of a message by its full name, e.g. "inference.ModelInferRequest"."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


def methods(service: str) -> dict[str, tuple[Any, Any, bool, bool]]:
    """Methods of a service by name: class of the request, of the answer, and whether each comes as a stream."""
    found = {}
    for method in _POOL.FindServiceByName(service).methods:
        request = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        found[method.name] = (request, answer, bool(method.client_streaming), bool(method.server_streaming))
    return found


def parameters_of(entries: Any) -> dict[str, Any]:
    """A map of InferParameter as Python values; refuses one that holds none."""
    found = {}
    for key, parameter in entries.items():
        which = parameter.WhichOneof("parameter_choice")
        if which is None:
            refuse(f"the parameter {key!r} has no value")
        found[key] = getattr(parameter, which)
    return found
