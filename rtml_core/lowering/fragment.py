"""Model fragments made ready for grafting: checked, functions inlined, at our opsets, dtype and shape of every value known.

Nothing here trusts the file: what can't be served exactly or safely is refused with one sentence that says the cure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import NotLowerableError, close_match, listing
from rtml_core.lowering.builder import IR_VERSION, ML, OPSETS
from rtml_core.lowering.probe import first_line, known_values, type_code

if TYPE_CHECKING:
    import onnx

CONTROL_FLOW: Final = ("If", "Loop", "Scan", "SequenceMap")
#: answers of these differ from run to run
RANDOM: Final = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
#: more nodes than this after inlining local functions is an attack or a mistake
MAX_NODES: Final = 100_000
_NO_MODEL: Final = "the bytes are not an ONNX model"


def load(model: Any) -> onnx.ModelProto:
    """A ModelProto (a copy of one, or out of bytes); raises NotLowerableError when the bytes are no ONNX model."""
    import onnx

    if isinstance(model, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy
    try:
        loaded = onnx.load_model_from_string(bytes(model))
    except Exception as error:
        raise NotLowerableError(f"{_NO_MODEL} ({type(error).__name__}); pass the content of an .onnx file") from None
    if not loaded.graph.node and not loaded.graph.output:
        raise NotLowerableError(f"{_NO_MODEL}: there is no graph in it; pass the content of an .onnx file")
    return loaded


def prepare(model: onnx.ModelProto, outputs: Sequence[str] | None = None) -> onnx.ModelProto:
    """The model without local functions and ZipMap, at our opset, cut down to what `outputs` need. Changes `model`."""
    import onnx.inliner

    _normalise_domains(model)
    check(model)
    if model.functions:
        _check_expansion(model)
        model = onnx.inliner.inline_local_functions(model)
    drop_zipmap(model)
    _prune(model, outputs)
    _upgrade_label_encoders(model)
    return _to_our_opset(model)


# ---- refusals -----------------------------------------------------------------------------------------------------------


def check(model: onnx.ModelProto) -> None:
    """Raise NotLowerableError for what a package must not hold: control flow, foreign operators, chance, other files."""
    own = {function.domain for function in model.functions}
    for node in _all_nodes(model):
        if node.op_type in CONTROL_FLOW or any(a.HasField("g") or a.graphs for a in node.attribute):
            raise NotLowerableError(f"the ONNX model has control flow ({node.op_type}); export it without loops and branches")
        if node.op_type in RANDOM and not node.domain:
            raise NotLowerableError(f"the ONNX model draws random numbers ({node.op_type}); export it for inference")
        if node.domain not in (*OPSETS, *own):
            raise NotLowerableError(
                f"the ONNX model needs operators of the domain '{node.domain}' ({node.op_type}), which not every runtime has;"
                f" export it with standard operators only"
            )
    refuse_external_data(model)
    if model.graph.sparse_initializer:
        raise NotLowerableError("the ONNX model has sparse initializers; export it with dense weights")


def refuse_external_data(model: onnx.ModelProto) -> None:
    """Raise NotLowerableError for a model that points to other files: any file of the machine could be meant."""
    for tensor in _all_tensors(model):
        if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
            raise NotLowerableError(
                f"the ONNX model keeps '{tensor.name}' in another file; save it as one file, e.g."
                f" onnx.save_model(onnx.load(path), new_path)"
            )


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def _all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in _all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _normalise_domains(model: onnx.ModelProto) -> None:
    for item in [*model.opset_import, *_all_nodes(model), *(o for f in model.functions for o in f.opset_import)]:
        if item.domain == "ai.onnx":
            item.domain = ""


def _check_expansion(model: onnx.ModelProto) -> None:
    """Refuse recursion and functions that grow beyond MAX_NODES, before anything tries to inline them."""
    bodies = {(f.domain, f.name): f for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Iterable[onnx.NodeProto], inside: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in inside:
                raise NotLowerableError(f"function {key[1]} of the ONNX model calls itself; export it without recursion")
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key].node, (*inside, key))
            total += sizes.get(key, 1)
        return total

    versions = {o.domain: o.version for o in model.opset_import}
    for function in model.functions:
        for entry in function.opset_import:
            if entry.domain in OPSETS and versions.get(entry.domain, entry.version) != entry.version:
                raise NotLowerableError(
                    f"the local function {function.name} of the ONNX model uses opset {entry.version} and the model"
                    f" {versions[entry.domain]}; export both at opset {OPSETS['']}"
                )
    if size(model.graph.node, ()) > MAX_NODES:
        raise NotLowerableError(f"the ONNX model becomes more than {MAX_NODES:,} nodes when its functions are written out")


# ---- rewriting ----------------------------------------------------------------------------------------------------------


def drop_zipmap(model: onnx.ModelProto) -> None:
    """Where the model ends in a ZipMap (a dict for each row), let it end in the tensor of scores [N, C] instead."""
    from onnx import helper

    used = {name for node in model.graph.node for name in node.input}
    ends = {output.name: output for output in model.graph.output}
    for i, node in enumerate(model.graph.node):
        if node.op_type != "ZipMap" or node.domain != ML:
            continue
        name = node.output[0]
        if name in used or name not in ends:
            raise NotLowerableError("the ONNX model goes on after a ZipMap; export it with zipmap off")
        model.graph.node[i].CopyFrom(helper.make_node("Identity", list(node.input), [name], name=node.name))
        ends[name].ClearField("type")


def _prune(model: onnx.ModelProto, outputs: Sequence[str] | None) -> None:
    graph = model.graph
    names = [output.name for output in graph.output]
    for name in outputs or ():
        if name not in names:
            raise NotLowerableError(f"the ONNX model has no output '{name}'. It has: {listing(names)}.{close_match(name, names)}")
    kept = [output for output in graph.output if outputs is None or output.name in outputs]
    needed = {output.name for output in kept}
    nodes = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= {name for name in node.input if name}
            nodes.append(node)
    # a parameter nobody needs may still be bound, so inputs stay
    for field, items in (
        ("node", nodes[::-1]),
        ("output", kept),
        ("initializer", [t for t in graph.initializer if t.name in needed]),
        ("value_info", [v for v in graph.value_info if v.name in needed]),
    ):
        copies = [type(item).FromString(item.SerializeToString()) for item in items]
        graph.ClearField(field)
        getattr(graph, field).extend(copies)


def _upgrade_label_encoders(model: onnx.ModelProto) -> None:
    """LabelEncoder of ai.onnx.ml 1 (classes_strings) as keys and values, which every later version reads."""
    from onnx import helper

    integers = _integer_inputs(model)
    for node in model.graph.node:
        old = {a.name: a for a in node.attribute}
        if node.op_type != "LabelEncoder" or node.domain != ML or "classes_strings" not in old:
            continue
        texts, codes = list(old["classes_strings"].strings), list(range(len(old["classes_strings"].strings)))
        attributes: dict[str, Any] = {"keys_strings": texts, "values_int64s": codes}
        attributes["default_int64"] = old["default_int64"].i if "default_int64" in old else -1
        if node.input[0] in integers:
            default = old["default_string"].s if "default_string" in old else b"_Unused"
            attributes = {"keys_int64s": codes, "values_strings": texts, "default_string": default}
        del node.attribute[:]
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        for entry in model.opset_import:
            if entry.domain == ML:
                entry.version = max(entry.version, 3)


def _integer_inputs(model: onnx.ModelProto) -> set[str]:
    if not any(n.op_type == "LabelEncoder" and any(a.name == "classes_strings" for a in n.attribute) for n in model.graph.node):
        return set()
    return {name for name, known in known_values(model, {}).items() if known.dtype == "int64"}


def _to_our_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnx import helper, version_converter

    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions.get(ML, 0) > OPSETS[ML]:
        raise NotLowerableError(f"the ONNX model uses ai.onnx.ml {versions[ML]}; packages use up to {OPSETS[ML]}; export it so")
    ours, current = OPSETS[""], versions.get("", OPSETS[""])
    changed = _changed(model, current, ours)
    if changed and current > ours:
        raise NotLowerableError(
            f"the ONNX model uses opset {current} and its {changed[0]} means something else in opset {ours}, which packages use:"
            f" export it with opset {ours}"
        )
    if changed:
        _write_types(model)  # the converter infers types, and crashes where it finds none
        try:
            model = version_converter.convert_version(model, ours)
        except Exception as error:
            raise NotLowerableError(
                f"the ONNX model uses opset {current}, and its {listing(changed, 5)} could not be converted to opset {ours}"
                f" ({first_line(error)}): export it with opset {ours}"
            ) from None
    model.ir_version = IR_VERSION
    imports = {**{entry.domain: entry.version for entry in model.opset_import}, "": ours}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in imports.items())
    return model


def _changed(model: onnx.ModelProto, one: int, two: int) -> list[str]:
    """Standard operators of the model whose definition is not the same in both opsets."""
    from onnx import defs

    changed = []
    for name in sorted({node.op_type for node in model.graph.node if not node.domain}):
        try:
            same = defs.get_schema(name, one).since_version == defs.get_schema(name, two).since_version
        except defs.SchemaError:
            raise NotLowerableError(f"the ONNX model needs the operator {name}, which opset {two} does not know") from None
        if not same:
            changed.append(name)
    return changed


def _write_types(model: onnx.ModelProto) -> None:
    from onnx import helper

    described = {value.name for value in [*model.graph.input, *model.graph.initializer]}
    known = known_values(model, {})
    for output in model.graph.output:
        output.CopyFrom(helper.make_tensor_value_info(output.name, type_code(known[output.name].dtype), known[output.name].shape))
        described.add(output.name)
    del model.graph.value_info[:]
    for name, what in known.items():
        if name not in described:
            model.graph.value_info.append(helper.make_tensor_value_info(name, type_code(what.dtype), what.shape))
