"""The compiled messages are those of inference.proto, and those that tritonclient speaks."""

import re
from importlib.resources import files
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from rtml_plugins.edge.v2 import messages
from rtml_plugins.edge.v2.messages import HEALTH, INFERENCE, message, methods

FIELD = descriptor_pb2.FieldDescriptorProto
_LINE = re.compile(r"(repeated )?(map<string, (\w+)>|[\w.]+) (\w+) = (\d+);")


def text(name: str) -> str:
    return re.sub(r"//.*", "", files("rtml_plugins.edge.v2").joinpath(name).read_text())


def written(name: str) -> dict[str, dict[str, tuple[int, str, bool]]]:
    """Messages and enums of a .proto by their full names -> fields: number, type, whether there are many."""
    found: dict[str, dict[str, tuple[int, str, bool]]] = {}
    package = re.search(r"package ([\w.]+);", text(name))
    assert package is not None
    path = [package[1]]
    for line in text(name).splitlines():
        line = line.strip()
        opened = re.match(r"(message|enum|service|oneof) (\w+) \{", line)
        if opened:
            path.append("" if opened[1] == "oneof" else opened[2])
            if opened[1] in ("message", "enum"):
                found[".".join(part for part in path if part)] = {}
            if line.endswith("{}"):
                path.pop()
        elif line == "}":
            path.pop()
        elif field := _LINE.match(line):
            where = found[".".join(part for part in path if part)]
            where[field[4]] = (int(field[5]), field[3] or field[2], bool(field[1] or field[3]))
        elif value := re.match(r"([A-Z_0-9]+) = (\d+);", line):
            found[".".join(path)][value[1]] = (int(value[2]), "", False)
    return found


def described(kind: Any, found: dict[str, dict[str, tuple[int, str, bool]]]) -> None:
    """What a compiled message has, in the same form."""
    fields = {}
    for field in kind.fields:
        target = field.message_type or field.enum_type
        many = field.is_repeated
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            target = field.message_type.fields_by_name["value"].message_type
        name = target.name if target is not None else FIELD.Type.Name(field.type).removeprefix("TYPE_").lower()
        fields[field.name] = (field.number, name, many)
    found[kind.full_name] = fields
    for inner in kind.nested_types:
        if not inner.GetOptions().map_entry:
            described(inner, found)
    for enum in kind.enum_types:
        found[enum.full_name] = {value.name: (value.number, "", False) for value in enum.values}


@pytest.mark.parametrize("name", ["inference.proto", "health.proto"])
def test_what_is_compiled_is_what_is_written(name: str) -> None:
    file = messages._POOL.FindFileByName(name)
    found: dict[str, dict[str, tuple[int, str, bool]]] = {}
    for kind in file.message_types_by_name.values():
        described(kind, found)
    for enum in file.enum_types_by_name.values():
        found[enum.full_name] = {value.name: (value.number, "", False) for value in enum.values}
    assert found == written(name)
    calls = re.findall(r"rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\)", text(name))
    service = INFERENCE if name == "inference.proto" else HEALTH
    compiled = {
        method: (request.DESCRIPTOR.name, answer.DESCRIPTOR.name, many_in, many_out)
        for method, (request, answer, many_in, many_out) in methods(service).items()
    }
    assert compiled == {method: (taken, given, bool(i), bool(o)) for method, i, taken, o, given in calls}


def test_numbers_and_types_are_those_of_tritonclient() -> None:
    from tritonclient.grpc import model_config_pb2, service_pb2

    theirs: dict[str, dict[str, tuple[int, str, bool]]] = {}
    for module in (service_pb2, model_config_pb2):
        for kind in module.DESCRIPTOR.message_types_by_name.values():
            described(kind, theirs)
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            theirs[enum.full_name] = {value.name: (value.number, "", False) for value in enum.values}
    ours = written("inference.proto")
    assert len(ours) > 30
    # names of nested types differ where only the package is public: Specific, Format
    for name, fields in ours.items():
        assert theirs[name].items() >= fields.items(), name
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for method, (request, answer, many_in, many_out) in methods(INFERENCE).items():
        other = service.methods_by_name[method]
        assert (other.input_type.name, other.output_type.name) == (request.DESCRIPTOR.name, answer.DESCRIPTOR.name)
        assert (other.client_streaming, other.server_streaming) == (many_in, many_out)


def test_a_message_goes_to_tritonclient_and_back() -> None:
    from tritonclient.grpc import service_pb2

    ours = message("inference.ModelInferRequest")(model_name="m", id="7", raw_input_contents=[b"\0\1"])
    tensor = ours.inputs.add(name="a", datatype="INT8", shape=[2, 1])
    tensor.parameters["missing"].string_param = "1"
    theirs = service_pb2.ModelInferRequest.FromString(ours.SerializeToString())
    assert (theirs.model_name, theirs.inputs[0].parameters["missing"].string_param) == ("m", "1")
    assert message("inference.ModelInferRequest").FromString(theirs.SerializeToString()) == ours
    assert messages.parameters_of(ours.inputs[0].parameters) == {"missing": "1"}
