"""What the gRPC process answers is measured in a file of its own, which stays when the process has ended."""

from __future__ import annotations

from pathlib import Path

import grpc
import msgspec

from rtml_core.client.records import Traffic
from rtml_plugins.edge.metrics import FOLDER, Figures
from rtml_plugins.edge.v2.messages import message
from rtml_plugins.edge.values import SUFFIX, Values
from tests.integration.v2 import edges
from tests.unit.edge.measured import measured_package


def test_requests_over_grpc_are_measured(tmp_path: Path) -> None:
    package = tmp_path / "measured.rtml"
    package.write_bytes(measured_package(1))
    home = tmp_path / "home"
    runtimes = edges.fill(home, [package], Traffic(champion=1))
    with edges.running(home, runtimes) as edge, grpc.insecure_channel(edge.grpc) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=message("inference.ModelInferRequest").SerializeToString,
            response_deserializer=message("inference.ModelInferResponse").FromString,
        )
        for x in (-1.0, 1.0, 2.0):
            request = message("inference.ModelInferRequest")(model_name="visits")
            for name, kind, contents in (
                ("x", "FP64", {"fp64_contents": [x]}),
                ("word", "BYTES", {"bytes_contents": [b"red"]}),
                ("when", "BYTES", {"bytes_contents": [b"2024-05-01T00:00:00Z"]}),
                ("yes", "BOOL", {"bool_contents": [True]}),
            ):
                tensor = request.inputs.add(name=name, datatype=kind, shape=[1, 1])
                for field, values in contents.items():
                    getattr(tensor.contents, field).extend(values)
            infer(request, timeout=30)
        pid = edge.processes[1].pid
    (path,) = (home / FOLDER).glob(f"*{SUFFIX}")
    values = msgspec.msgpack.decode(path.read_bytes(), type=Values)
    (counts,) = values.versions
    assert (values.pid, counts.service, counts.version, counts.rows) == (pid, "visits", 1, 3)
    assert dict(zip(counts.inputs.names, counts.inputs.counts, strict=True))["x"] == [1, 2, 0, 0]
    assert dict(zip(counts.outputs.names, counts.outputs.counts, strict=True))["says"] == [1, 2, 0, 0]
    (figures,) = (home / FOLDER).glob(f"{pid}-*.figures")
    requests = msgspec.msgpack.decode(figures.read_bytes(), type=Figures).requests
    assert [(labels, sum(series.counts)) for labels, series in requests] == [(("visits", "1", "ok"), 3)]
