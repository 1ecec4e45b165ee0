"""Who is measured: each server with its environment, its command, how a row is sent to it and how its answer is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[3]
SERVERS: Final = Path(__file__).with_name("servers")
ENVIRONMENTS: Final = ROOT / "build" / "peers"
ARTIFACTS: Final = ROOT / "build" / "serving"

Row = dict[str, Any]
_SCIENCE: Final = ("scikit-learn==1.9.1", "joblib==1.6.0")
#: environment -> what is installed in it; the rest is what these resolve to
REQUIREMENTS: Final[dict[str, tuple[str, ...]]] = {
    "hand": (
        *("fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", "granian==2.8.7", "msgspec==0.22.0"),
        *("onnxruntime==1.31.1", "numpy==2.4.6", "pydantic==2.14.3"),
    ),
    "robyn": ("robyn==0.88.0", "onnxruntime==1.31.1", "numpy==2.4.6", "msgspec==0.22.0"),
    "fastapi-sk": ("fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", "pandas==3.1.1", *_SCIENCE),
    "bentoml": ("bentoml==1.4.39", "onnxruntime==1.31.1", "numpy==2.4.6", "pandas==3.1.1", *_SCIENCE),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "pandas==3.1.1", *_SCIENCE),
    "mlflow": ("mlflow==3.17.2", "pandas==3.1.1", *_SCIENCE),
    "pytriton": ("nvidia-pytriton==0.7.0", "pandas==3.0.6", *_SCIENCE),
    "litserve": ("litserve==0.2.19", "pandas==3.1.1", *_SCIENCE),
    "kserve": ("kserve==0.21.0", "pandas==2.3.3", *_SCIENCE),
    "mosec": ("mosec==0.9.8", "pandas==3.1.1", *_SCIENCE),
}
#: environments in which the pipeline itself runs
FITTED: Final = tuple(name for name, wanted in REQUIREMENTS.items() if _SCIENCE[0] in wanted)

SKLEARN: Final = "scikit-learn"
BY_HAND: Final = "ONNX Runtime by hand"
CONSTANT: Final = "a constant"


@dataclass(frozen=True)
class Peer:
    """A server to measure.

    name: in the tables. kind: what it runs. versions: the distributions that its row names. command: from python and port to the
    command line. path: of its endpoint. body: from a row to the JSON document that is sent. read: from the document answered to
    the probability. ports: variables that name a free port each; the first one that of its HTTP. headers: more of them, for each
    request.
    """

    name: str
    kind: str
    environment: str
    versions: tuple[str, ...]
    command: Callable[[str, int], list[str]]
    path: str = "/predict"
    body: Callable[[Row], Any] = field(default=lambda row: row)
    read: Callable[[Any], float] = field(default=lambda document: float(document["propensity"]))
    ports: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        return ENVIRONMENTS / self.environment / "bin" / "python" if self.environment else Path(sys.executable)


def _uvicorn(app: str) -> Callable[[str, int], list[str]]:
    options = ["--log-level", "error", "--no-access-log", "--loop", "uvloop", "--http", "httptools", "--app-dir", str(SERVERS)]
    return lambda python, port: [python, "-m", "uvicorn", app, "--port", str(port), *options]


def _granian(app: str) -> Callable[[str, int], list[str]]:
    options = [
        "--interface",
        "rsgi",
        "--http",
        "1",
        "--no-ws",
        "--loop",
        "uvloop",
        "--runtime-mode",
        "st",
        "--log-level",
        "error",
    ]
    return lambda python, port: [python, "-m", "granian", *options, "--working-dir", str(SERVERS), "--port", str(port), app]


def _bentoml(service: str) -> Callable[[str, int], list[str]]:
    return lambda python, port: [python, "-m", "bentoml", "serve", f"{service}:Churn", "--port", str(port), "--host", "127.0.0.1"]


def _script(name: str, *arguments: str) -> Callable[[str, int], list[str]]:
    return lambda python, port: [python, str(SERVERS / name), *(a.format(port=port) for a in arguments)]


def _tensor(name: str, value: Any, missing: Any) -> dict[str, Any]:
    """A value of a row in the Open Inference Protocol; a text that is missing is sent empty, an unknown value like any other."""
    if name in ("age", "km", "quote"):
        return {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [missing if value is None else value]}
    return {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": ["" if value is None else value]}


def _mlserver_body(row: Row) -> dict[str, Any]:
    inputs = [_tensor(name, value, missing="NaN") for name, value in row.items()]
    for entry in inputs:
        if entry["datatype"] == "BYTES":
            entry["parameters"] = {"content_type": "str"}
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}


def _triton_body(row: Row) -> dict[str, Any]:
    """Triton's JSON has no missing number: -1 stands for it."""
    return {"inputs": [_tensor(name, value, missing=-1.0) for name, value in row.items()]}


def _first_output(document: Any) -> float:
    return float(document["outputs"][0]["data"][-1])


def _constant(document: Any) -> float:
    return float(document["predictions"][0]["propensity"])


PEERS: Final[dict[str, Peer]] = {
    "mlserver": Peer(
        "MLServer",
        SKLEARN,
        "mlserver",
        ("mlserver", "mlserver-sklearn"),
        lambda python, port: [str(Path(python).with_name("mlserver")), "start", str(ENVIRONMENTS / "mlserver" / "model")],
        path="/v2/models/churn/infer",
        body=_mlserver_body,
        read=_first_output,
        ports=("MLSERVER_HTTP_PORT", "MLSERVER_GRPC_PORT", "MLSERVER_METRICS_PORT"),
    ),
    "bentoml": Peer("BentoML", SKLEARN, "bentoml", ("bentoml",), _bentoml("bentoml_sk"), body=lambda row: {"row": row}),
    "mlflow": Peer(
        "MLflow",
        SKLEARN,
        "mlflow",
        ("mlflow",),
        lambda python, port: [
            *(python, "-m", "mlflow", "models", "serve", "-m", str(ENVIRONMENTS / "mlflow" / "model"), "--env-manager", "local"),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        ],
        path="/invocations",
        body=lambda row: {"dataframe_records": [row]},
        read=lambda document: float(document["predictions"][0][1]),
    ),
    "fastapi": Peer("FastAPI + uvicorn", SKLEARN, "fastapi-sk", ("fastapi", "uvicorn"), _uvicorn("fastapi_sk:app")),
    "litserve": Peer("LitServe", SKLEARN, "litserve", ("litserve",), _script("litserve_sk.py")),
    "kserve": Peer(
        "KServe SDK",
        SKLEARN,
        "kserve",
        ("kserve",),
        _script("kserve_sk.py"),
        path="/v1/models/churn:predict",
        body=lambda row: {"instances": [row]},
        read=lambda document: float(document["predictions"][0]),
    ),
    "mosec": Peer(
        "mosec (batches)",
        SKLEARN,
        "mosec",
        ("mosec",),
        _script("mosec_sk.py", "--port", "{port}", "--address", "127.0.0.1", "--log-level", "error"),
        path="/inference",
    ),
    "pytriton": Peer(
        "PyTriton (batches)",
        SKLEARN,
        "pytriton",
        ("nvidia-pytriton",),
        _script("pytriton_sk.py"),
        path="/v2/models/churn/infer",
        body=_triton_body,
        read=_first_output,
    ),
    "bentoml-ort": Peer("BentoML", BY_HAND, "bentoml", ("bentoml",), _bentoml("bentoml_ort"), body=lambda row: {"row": row}),
    "fastapi-ort": Peer("FastAPI + uvicorn", BY_HAND, "hand", ("fastapi", "uvicorn"), _uvicorn("fastapi_ort:app")),
    "asgi-ort": Peer("uvicorn, raw ASGI + msgspec", BY_HAND, "hand", ("uvicorn", "msgspec"), _uvicorn("asgi_ort:app")),
    "robyn-ort": Peer("robyn + msgspec", BY_HAND, "robyn", ("robyn", "msgspec"), _script("robyn_ort.py", "--log-level=ERROR")),
    "rsgi-ort": Peer("granian RSGI + msgspec", BY_HAND, "hand", ("granian", "msgspec"), _granian("rsgi_ort:app")),
    "protocol-ort": Peer(
        "asyncio.Protocol + httptools + msgspec, no limits",
        BY_HAND,
        "hand",
        ("httptools", "uvloop", "msgspec"),
        _script("protocol.py", "{port}", "ort"),
    ),
    "rsgi-echo": Peer("granian RSGI", CONSTANT, "hand", ("granian",), _granian("rsgi_echo:app"), read=_constant),
    "rtml-echo": Peer("rtml's HTTP server", CONSTANT, "", (), _script("rtml_echo.py", "{port}"), read=_constant),
    "protocol-echo": Peer(
        "asyncio.Protocol + httptools, no limits",
        CONSTANT,
        "hand",
        ("httptools", "uvloop"),
        _script("protocol.py", "{port}", "echo"),
        read=_constant,
    ),
}
