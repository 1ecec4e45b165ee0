"""The public surface of rtml, as what a plugin can see of it: names, signatures, fields, members, values of constants."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from rtml_core.api import STABLE
from rtml_core.hookspecs import PLUGIN_API

Surface = dict[str, dict[str, Any]]

#: what plugins override or write, and rtml calls: nothing at all may change about its parameters
OVERRIDDEN = {
    *(
        f"rtml_core.operator.Operator.{name}"
        for name in (
            *("setup", "process", "transform", "columns", "compute", "lower", "schema", "fit", "parity_cases"),
            *("source_fields", "subgraph", "to_json", "examples"),
        )
    ),
    "rtml_core.params.Params.validate",
}
#: what rooms of the core have from each other, public by its name only
INTERNAL = {
    *(f"rtml_core.lowering.builder.Builder.{name}" for name in ("input", "node", "small_constants")),
    *(f"rtml_core.Runtime.{name}" for name in ("python_columns", "run", "run_unchecked", "session")),
    *(
        f"rtml_core.converters.Converters.{name}"
        for name in ("add_all", "brought_by", "by_plugin", "remove", "restore", "snapshot")
    ),
    *(f"rtml_core.lowering.symbolic.Symbolic.{name}" for name in ("cased", "lookup", "meaning", "same_as")),
}
#: classes whose objects plugins get and never make, so that __init__ is rtml's own affair
GIVEN = (
    *("rtml_core.lowering.builder.Builder", "rtml_core.lowering.symbolic.Symbolic", "rtml_core.testing.IsolatedPlugins"),
    *("rtml_core.converters.Converters", "rtml_core.converters.ConverterEntry"),
)
#: special methods that are part of what a class offers
SPECIAL = ("__rshift__", "__rrshift__", "__getitem__", "__contains__", "__iter__", "__len__", "__call__")


#: where the promised surfaces are kept, one for each plugin API
FOLDER = Path(__file__).parent


def snapshot_path() -> Path:
    """The snapshot of this plugin API."""
    return FOLDER / f"plugin_api_{PLUGIN_API}.json"


def read_snapshot() -> Surface:
    """The surface that was promised; FileNotFoundError when none was."""
    return json.loads(snapshot_path().read_text())  # type: ignore[no-any-return]


def write_snapshot(surface: Surface) -> None:
    """One line for each name, sorted, so that a change reads well."""
    lines = [f"{json.dumps(name)}: {json.dumps(surface[name], sort_keys=True)}" for name in sorted(surface)]
    snapshot_path().write_text("{\n" + ",\n".join(lines) + "\n}\n")


def surface() -> Surface:
    """The surface as it is now."""
    found: Surface = {}
    first: dict[int, str] = {}
    for name in sorted(STABLE, key=lambda name: (name == "rtml_core", name)):  # what that one gathers is described at home
        module = importlib.import_module(name)
        for public in public_names(module):
            value = getattr(module, public)
            path = f"{name}.{public}"
            if inspect.isroutine(value) or isinstance(value, type):
                known = first.setdefault(id(value), path)
                if known != path:
                    found[path] = {"kind": "same", "as": known}
                    continue
            found.update({name: entry for name, entry in _described(path, value) if not _internal(name, entry)})
    return found


def _internal(name: str, entry: dict[str, Any]) -> bool:
    """What a builder collects is for the rooms that assemble it; plugins call its methods."""
    collected = name.startswith("rtml_core.lowering.builder.Builder.") and entry["kind"] == "attribute"
    return collected or name in INTERNAL


def public_names(module: ModuleType) -> list[str]:
    """__all__, else what the module itself defines under a name without an underscore before it."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    names: list[str] = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _described(path: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, ModuleType):
        yield path, {"kind": "module"}
    elif isinstance(value, type):
        yield from _class(path, value)
    elif inspect.isroutine(value):
        yield path, {"kind": "function", **signature(value)}
    elif path.endswith("__"):  # the version is another one each time
        yield path, {"kind": "constant", "type": type(value).__name__}
    else:
        yield path, {"kind": "constant", **_constant(value)}


def signature(function: Any) -> dict[str, Any]:
    """Parameters as [name, kind, type, default] and the type of the answer; the default is absent where there is none."""
    found = inspect.signature(function)
    parameters = []
    for parameter in found.parameters.values():
        entry = [parameter.name, parameter.kind.description, _type(parameter.annotation)]
        parameters.append(entry if parameter.default is parameter.empty else [*entry, _value(parameter.default)])
    return {"parameters": parameters, "returns": _type(found.return_annotation)}


def _class(path: str, cls: type) -> Iterator[tuple[str, dict[str, Any]]]:
    ours = [base for base in cls.__mro__ if base.__module__.startswith("rtml_")]
    bases = [base for base in cls.__mro__[1:] if base is not object and base.__module__.startswith(("rtml_", "builtins"))]
    entry: dict[str, Any] = {"kind": "class", "bases": [base.__name__ for base in bases]}
    if path not in GIVEN and (any("__init__" in vars(base) for base in ours) or hasattr(cls, "__struct_fields__")):
        entry.update(signature(cls))
    yield path, entry
    types: dict[str, str] = {}
    for base in reversed(ours):
        types.update({name: _type(found) for name, found in vars(base).get("__annotations__", {}).items()})
    types.update({name: "" for base in ours for name in _set_when_made(base) if name not in types})
    names = dict.fromkeys([*(name for base in ours for name in vars(base)), *types])
    for name in names:
        if name.startswith("_") and name not in SPECIAL:
            continue
        yield f"{path}.{name}", _member(inspect.getattr_static(cls, name, None), types.get(name, ""))


def _set_when_made(cls: type) -> list[str]:
    """Attributes that __init__ sets."""
    if "__init__" not in vars(cls) or hasattr(cls, "__dataclass_fields__"):
        return []
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))
    targets = [t for node in ast.walk(tree) if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    return [t.attr for t in targets if isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name) and t.value.id == "self"]


def _member(value: Any, annotation: str) -> dict[str, Any]:
    if isinstance(value, (staticmethod, classmethod)):
        return {"kind": type(value).__name__, **signature(value.__func__)}
    if inspect.isfunction(value):
        return {"kind": "method", **signature(value)}
    if isinstance(value, property):
        return {"kind": "attribute", "type": signature(value.fget)["returns"]}
    if isinstance(value, functools.cached_property):
        return {"kind": "attribute", "type": signature(value.func)["returns"]}
    return {"kind": "attribute", "type": annotation}


def _constant(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"type": "mapping", "value": sorted(map(_value, value))}
    if isinstance(value, (tuple, list, frozenset, set)):
        return {"type": "collection", "value": sorted(map(_value, value))}
    if value is None or isinstance(value, (str, int, float, bool)):
        return {"type": type(value).__name__, "value": _value(value)}
    return {"type": type(value).__name__}


def _type(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _value(value: Any) -> str:
    text = repr(value)
    return f"<{type(value).__name__}>" if " at 0x" in text or "object" in text else text
