"""Models of the protocol are services; which package answers a request, and what is told about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rtml_core.errors import close_match, describe
from rtml_plugins.edge.access import authorize
from rtml_plugins.edge.v2.plan import Columns, plan_of
from rtml_plugins.edge.v2.tensors import Tensor, plain, refuse
from rtml_plugins.serving.keys import bearer, digest
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.exchange import Headers
    from rtml_plugins.edge.settings import EdgeSettings
    from rtml_plugins.edge.shadow import Shadow
    from rtml_plugins.edge.table import Loaded, Service, Snapshot
    from rtml_plugins.edge.tapping import Tap

#: what the protocol calls the framework of a model
PLATFORM: Final = "onnxruntime_onnx"
#: beyond the protocol itself, by the names that Triton gave them
EXTENSIONS: Final = ("binary_tensor_data", "parameters", "model_repository", "model_configuration")
#: request header, and request parameter, that keeps a visitor in an arm of a split
KEY_HEADER: Final = "x-rtml-key"
KEY_PARAMETER: Final = "rtml_key"


class Model(NamedTuple):
    """A service, and the version of it that a request named: None when traffic decides."""

    service: Service
    pinned: Loaded | None

    @property
    def name(self) -> str:
        return self.service.entry.name

    @property
    def loaded(self) -> Loaded:
        """The version that is told about: the one that was named, or the champion."""
        return self.pinned or self.service.champion

    def choose(self, header: str | None, parameters: Mapping[str, Any], tensors: Sequence[Tensor]) -> Loaded:
        """The version that answers: by the key in the header, in the parameter, in the first row's sticky field, or at random."""
        if self.pinned is not None or self.service.choose is None:
            return self.loaded
        key = header
        if key is None and parameters.get(KEY_PARAMETER) is not None:
            key = str(parameters[KEY_PARAMETER])
        if key is None and self.service.sticky is not None:
            key = _text(next((tensor.values for tensor in tensors if tensor.name == self.service.sticky), []))
        return self.service.versions[self.service.choose(key)]


def _text(values: Any) -> str | None:
    """The first value as JSON has it, so that a visitor has one key over REST and here."""
    if not len(values):
        return None
    value = values[0] if isinstance(values, list) else values[0].item()
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def find(snapshot: Snapshot, name: str, version: str = "") -> Model:
    """The model of a name and a version ("" for none). Raises Problem: 404 when there is none, 503 when it is not loaded."""
    service = snapshot.services.get(name)
    if service is None:
        raise _missing(snapshot, name)
    if not version:
        return Model(service, None)
    loaded = service.versions.get(int(version)) if version.isascii() and version.isdigit() and len(version) < 10 else None
    if loaded is None:
        there = ", ".join(map(str, sorted(service.versions)))
        raise Problem(
            404, "no-such-version", f"the model {describe(name)} has no version {describe(version)} here; it has {there}"
        )
    return Model(service, loaded)


def _missing(snapshot: Snapshot, name: str) -> Problem:
    waiting = snapshot.waiting.get(name)
    if waiting is not None and waiting.state == "loading":
        return Problem(503, "loading", f"the model {describe(name)} is being loaded", headers=[("Retry-After", "1")])
    if waiting is not None:
        detail = f"the model {describe(name)} can't be served: {waiting.problem}"
        return Problem(503, "service-failed", detail, headers=[("Retry-After", "10")])
    if not snapshot.known:
        return Problem(503, "no-state", "this edge has not heard from its hub yet", headers=[("Retry-After", "1")])
    hint = close_match(name[:100], snapshot.services) if not snapshot.keys else ""  # whose key is for others learns no names
    return Problem(404, "no-such-service", f"there is no model {describe(name)} here.{hint}")


def server_metadata() -> dict[str, Any]:
    """What this server is."""
    from importlib.metadata import version

    return {"name": "rtml", "version": version("rtml"), "extensions": list(EXTENSIONS)}


def metadata(model: Model) -> dict[str, Any]:
    """Versions, inputs and outputs of a model."""
    plan = plan_of(model.loaded.runtime)
    return {
        "name": model.name,
        "versions": [str(number) for number in sorted(model.service.versions)],
        "platform": PLATFORM,
        "inputs": plan.input_metadata,
        "outputs": plan.output_metadata,
    }


def config(model: Model, max_rows: int) -> dict[str, Any]:
    """What of Triton's model configuration is true here: batches of up to `max_rows` rows, all held versions served."""
    loaded = model.loaded
    plan = plan_of(loaded.runtime)
    inputs = [
        {**_io(tensor), "optional": plan.fields[tensor["name"]].optional, "format": "FORMAT_NONE"}
        for tensor in plan.input_metadata
    ]
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": sorted(model.service.versions)}},
        "max_batch_size": max_rows,
        "input": inputs,
        "output": [_io(tensor) for tensor in plan.output_metadata],
        "parameters": {"package": {"string_value": loaded.package_id}},
    }


def _io(tensor: Mapping[str, Any]) -> dict[str, Any]:
    datatype = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{datatype}", "dims": [1]}


def index(snapshot: Snapshot, settings: EdgeSettings, headers: Headers, only_ready: bool = False) -> list[dict[str, str]]:
    """All models that the key of a request is for, with their versions, one entry each. Raises Problem as access.authorize."""
    secret = bearer(headers.get("authorization"))
    entry = None if secret is None else snapshot.keys.get(digest(secret))
    first = entry.services[0] if entry is not None and entry.services else None
    key = authorize(snapshot, settings, headers, "predict", first)
    entries = _entries(snapshot, only_ready)
    return entries if key is None or key.services is None else [entry for entry in entries if entry["name"] in key.services]


def _entries(snapshot: Snapshot, only_ready: bool) -> list[dict[str, str]]:
    entries = [
        {"name": name, "version": str(number), "state": "READY", "reason": ""}
        for name, service in sorted(snapshot.services.items())
        for number in sorted(service.versions)
    ]
    if not only_ready:
        for name, status in sorted(snapshot.waiting.items()):
            state = "LOADING" if status.state == "loading" else "UNAVAILABLE"
            entries.append({"name": name, "version": "", "state": state, "reason": status.problem})
    return entries


def offer_shadow(shadow: Shadow, model: Model, loaded: Loaded, tensors: Sequence[Tensor], columns: Columns) -> None:
    """Have the shadow version of a service, if it has one, score the inputs that were answered with these output columns."""
    if model.service.shadow is None or model.pinned is not None:
        return
    shadow.offer(model.service, loaded, *_as_json(loaded, tensors, columns))


def offer_measured(tap: Tap | None, loaded: Loaded, tensors: Sequence[Tensor], columns: Columns, size: int) -> None:
    """Have inputs and the output columns that they were answered with measured, if that is wanted. size: their bytes, or so."""
    if tap is None or not tap.left:
        return

    def make(most: int) -> tuple[bytes, bytes]:
        step = -(-len(tensors[0].values) // most)
        return _as_json(loaded, tensors, columns, max(1, step))

    tap.take_made(make, size)


def _as_json(loaded: Loaded, tensors: Sequence[Tensor], columns: Columns, step: int = 1) -> tuple[bytes, bytes]:
    """A body and predictions as requests of rtml's own form have them, of each `step`th row."""
    inputs = {tensor.name: _listed(tensor.values[::step]) for tensor in tensors}
    outputs = plan_of(loaded.runtime).outputs
    values = [plain(spec, columns[name][::step])[0] for name, spec in outputs.items()]
    predictions = [dict(zip(outputs, row, strict=True)) for row in zip(*values, strict=True)]
    return msgspec.json.encode({"columns": inputs}), msgspec.json.encode(predictions)


def _listed(values: Any) -> list[Any]:
    listed: list[Any] = values if isinstance(values, list) else values.tolist()
    return listed


def refuse_parameters(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse what would change the answer and is not done here: shared memory, classification."""
    for key in parameters:
        if key.startswith("shared_memory"):
            refuse(f"{name} asks for shared memory, which this server does not offer: send the data with the request")
        if key == "classification":
            refuse(f"{name} asks for a classification, which this server does not make: take the values of the output")
