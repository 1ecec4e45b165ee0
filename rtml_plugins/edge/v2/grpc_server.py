"""The process of an edge that answers the protocol over gRPC: `python -m rtml_plugins.edge.v2.grpc_server`.

It is started by the supervisor with the settings in RTML_EDGE_SETTINGS, follows the edge's folder as the HTTP workers do, and
stops on SIGTERM when the calls in flight are answered.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rtml_core.errors import RtmlError
from rtml_plugins.edge import access, metrics
from rtml_plugins.edge.exchange import Headers
from rtml_plugins.edge.server import end_with_parent
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Table
from rtml_plugins.serving import logs

ROLE: Final = "grpc"
#: room for what stands around the data in a message
_ENVELOPE: Final = 64 << 10


class GrpcError(RtmlError):
    """The gRPC server can't be started."""


def require_grpc() -> None:
    """GrpcError with the cure when the packages of the extra are not installed."""
    missing = [name for module, name in (("grpc", "grpcio"), ("google.protobuf", "protobuf")) if not _installed(module)]
    if missing:
        raise GrpcError(f'--grpc-port needs {" and ".join(missing)}, not installed here: pip install "rtml[grpc]"')


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package above it
        return False


async def serve(settings: EdgeSettings) -> None:
    """Answer until SIGTERM or SIGINT. Raises GrpcError when the port can't be had."""
    import grpc

    from rtml_plugins.edge.v2.grpc_service import Handlers, Health, Inference
    from rtml_plugins.edge.v2.messages import HEALTH, INFERENCE

    sys.setswitchinterval(0.0005)  # a large request in the thread must not hold up the event loop for longer
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log = logs.logger("rtml.edge.grpc")
    table = Table(settings, role=ROLE)
    health = Health(table)
    server = grpc.aio.server(options=_options(settings), maximum_concurrent_rpcs=settings.max_concurrent)
    inference = Inference(table)
    table.on_change.append(lambda snapshot: inference.shadow.forget(snapshot.services))
    table.on_change.append(lambda snapshot: inference.measuring.follow(snapshot.services))
    table.shadow_report = inference.shadow.report

    def admit(headers: Headers) -> None:
        access.check_head(table.current, settings, headers)

    server.add_generic_rpc_handlers((Handlers(INFERENCE, inference, admit), Handlers(HEALTH, health)))
    _listen(server, settings)
    await table.start()
    metrics.start(settings, table, ROLE)
    try:
        await server.start()
        log.info("gRPC listens", host=settings.host, port=settings.grpc_port)
        await stop.wait()
        health.stop()
        await server.stop(settings.request_timeout)
    finally:
        inference.measuring.stop()
        metrics.stop()
        await table.stop()


def _options(settings: EdgeSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_body + _ENVELOPE),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", settings.max_concurrent),
        ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
    ]


def _listen(server: Any, settings: EdgeSettings) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.grpc_port}"
    try:
        if settings.tls_cert is None or settings.tls_key is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, _credentials(settings.tls_cert, settings.tls_key))
    except RuntimeError as error:
        raise GrpcError(f"gRPC can't listen on {address}: {error}. Is the port taken? Choose another one: --grpc-port") from None
    if port == 0:
        raise GrpcError(f"gRPC can't listen on {address}. Is the port taken? Choose another one: --grpc-port")


def _credentials(certificate: str, key: str) -> Any:
    import grpc

    try:
        chain, secret = Path(certificate).read_bytes(), Path(key).read_bytes()
    except OSError as error:
        raise GrpcError(f"{error.filename} of TLS can't be read: {error.strerror}") from None
    return grpc.ssl_server_credentials([(secret, chain)])


def main() -> int:
    """Run the server with the settings of the environment; 2 when it can't be started."""
    import uvloop

    try:
        settings = EdgeSettings.from_environment()
        logs.configure(settings.log_level)
        require_grpc()
        end_with_parent()
        uvloop.run(serve(settings))
    except RtmlError as error:
        print(f"rtml: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
