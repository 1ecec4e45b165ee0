"""What an edge asks of its hub over HTTP. Whatever comes back that is not what was asked for is one error with one sentence.

Every answer is bounded in size and in time, redirects are not followed, and nothing is unpacked on the way: a hub that fails, or
something else that answers in its place, can't take the edge down with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

import rtml_core
from rtml_core.errors import describe
from rtml_plugins.edge import files
from rtml_plugins.edge.access import is_loopback
from rtml_plugins.edge.hub_failures import (
    AnswerTooLarge,
    AnswerUnread,
    HubFailed,
    KeyAwaited,
    MeasuresRefused,
    MeasuresUnknown,
    PredictionsRefused,
    ProfilesUnknown,
    StateRefused,
)
from rtml_plugins.edge.keyfile import HubKey
from rtml_plugins.edge.projections_reading import read_asked, read_changed
from rtml_plugins.serving.names import NameRefused, check_name
from rtml_plugins.serving.predictions import PredictionsTaken
from rtml_plugins.serving.projections import Projections, ProjectionsAsked, ProjectionsChanged
from rtml_plugins.serving.routing import TrafficRefused, check_traffic
from rtml_plugins.serving.wire import EXCHANGE, EdgeReport, RegionState, ServiceEntry

#: seconds to connect, and until the first or the next bytes come
_CONNECT: Final = 5.0
_SILENCE: Final = 10.0
#: seconds for the whole of a state or of the answer to a report, besides the time that a long poll may wait
_WHOLE: Final = 30.0
#: bytes a second that a package has to come with at the least, on top of _WHOLE
_SLOWEST: Final = 64_000
#: largest package that an edge takes, in bytes: what a runtime reads
MAX_PACKAGE: Final = 1 << 30
#: the id of a package is the SHA-256 of all of it but its last bytes, which spell the id
_ID_BYTES: Final = 64
_CHUNK: Final = 1 << 16

T = TypeVar("T")


class _Taken(msgspec.Struct):
    """The answer of a hub that took windows. number: of the newest one that it has."""

    number: int


class _Measures(msgspec.Struct):
    """serving.measures.Measures, with windows that are JSON already."""

    run: str
    region: str
    windows: list[msgspec.Raw]


class _Predictions(msgspec.Struct):
    """serving.predictions.Predictions, with records that are JSON already."""

    region: str
    run: str
    first: int
    records: list[msgspec.Raw]


class Uplink:
    """The connection to the hub. One is used by one event loop.

    hub: its URL. ca: PEM file of the authorities that may vouch for it, None for the usual ones.
    """

    def __init__(self, hub: str, region: str, key: HubKey, ca: str | None = None):
        self.hub = hub.rstrip("/")
        self._region = region
        self._key = key
        parts = urlsplit(self.hub)
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca is not None else parts.scheme == "https"
        self._client = httpx.AsyncClient(
            verify=verify,
            timeout=httpx.Timeout(_SILENCE, connect=_CONNECT),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            follow_redirects=False,
            trust_env=not is_loopback(parts.hostname or ""),
            headers={"User-Agent": f"rtml-edge/{rtml_core.__version__}", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def state(self, after: int | None, wait: float) -> RegionState | None:
        """The state of the region when it is newer than `after`, else None, after `wait` seconds at the most.

        Raises HubFailed; StateRefused for a state that can't be served.
        """
        query = {} if after is None else {"after": str(after), "wait": f"{wait:g}"}
        path = f"/v1/regions/{self._region}/state"
        async with self._ask("GET", path, wait + _WHOLE, params=query, silence=wait + _SILENCE) as answer:
            if answer.status_code == 304:
                return None
            data = await _body(answer, files.MAX_STATE)
            await self._require(answer, data)
        return check_state(data, self._region)

    async def package(self, identity: str, size: int, target: Path) -> None:
        """Fetch a package into a file, which is there whole or not at all; HubFailed when it is not what was asked for.

        OSError when the disk doesn't take it.
        """
        async with self._ask("GET", f"/v1/packages/{identity}", _WHOLE + size / _SLOWEST) as answer:
            if answer.status_code != 200:
                await self._require(answer, await _body(answer, 1 << 16))
            handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    found = await _hashed(answer, size, stream.write)
                    stream.flush()
                    await asyncio.to_thread(os.fsync, stream.fileno())
                if found != identity:
                    raise HubFailed(f"the hub's package {identity[:12]}... is damaged: what came has the SHA-256 {found[:12]}...")
                os.replace(name, target)
                name = ""
            finally:
                if name:
                    files.remove(Path(name))

    async def report(self, edge: str, report: EdgeReport) -> None:
        """Tell the hub how this edge is; HubFailed when it does not take it."""
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(report)
        async with self._ask("PUT", f"/v1/edges/{edge}", _WHOLE, content=body, headers=headers) as answer:
            await self._require(answer, await _body(answer, 1 << 20), (200, 201, 204))

    async def measures(self, edge: str, run: str, region: str, windows: Sequence[bytes]) -> int:
        """Tell the hub what was counted, in windows as JSON; returns the number of the newest one that it has.

        Raises HubFailed: MeasuresRefused when it says that it will never take them, MeasuresUnknown when it takes none at all.
        """
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(_Measures(run, region, [msgspec.Raw(window) for window in windows]))
        path = f"/v1/edges/{edge}/measures"
        async with self._ask("POST", path, _WHOLE, content=body, headers=headers) as answer:
            data = await _body(answer, 1 << 16)
            if answer.status_code in (404, 405):
                raise MeasuresUnknown(f"{self.hub} answered {path} with status {answer.status_code}: is it older than this edge?")
            if answer.status_code in (400, 413, 422):
                why = _detail(data).removesuffix("; ") or "no reason given"
                raise MeasuresRefused(f"{self.hub} refused what was counted with status {answer.status_code}: {why}")
            await self._require(answer, data)
        try:
            return msgspec.json.decode(data, type=_Taken).number
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubFailed(f"{self.hub} did not say which windows it took: {error}") from None

    async def projections(self, edge: str, region: str, keys: Sequence[str]) -> Projections:
        """What the region may know of these persons; the hub tells their changes from then on. Raises HubFailed,
        ProfilesUnknown."""
        body = msgspec.json.encode(ProjectionsAsked(region, tuple(keys)))
        return await self._told("POST", f"/v1/edges/{edge}/projections", Projections, _WHOLE, read_asked, content=body)

    async def projections_changed(self, edge: str, region: str, epoch: str, cursor: int, wait: float) -> ProjectionsChanged:
        """What changed since, after `wait` seconds at the most. Raises HubFailed, ProfilesUnknown."""
        query = {"region": region, "epoch": epoch, "cursor": str(cursor), "wait": f"{wait:g}"}
        path = f"/v1/edges/{edge}/projections/changes"
        whole, silence = wait + _WHOLE, wait + _SILENCE
        return await self._told("GET", path, ProjectionsChanged, whole, read_changed, silence=silence, params=query)

    async def predictions(self, edge: str, region: str, run: str, first: int, records: Sequence[bytes]) -> int:
        """Tell the hub of predictions, each a serving.predictions.Prediction as JSON; returns the number up to which it has them.

        Raises HubFailed: PredictionsRefused when it says that it will never take them, ProfilesUnknown when it takes none at all.
        """
        body = msgspec.json.encode(_Predictions(region, run, first, [msgspec.Raw(record) for record in records]))
        taken = await self._told("POST", f"/v1/edges/{edge}/predictions", PredictionsTaken, _WHOLE, content=body)
        return taken.through

    async def _told(
        self, method: str, path: str, kind: type[T], whole: float, read: Callable[[bytes], T] | None = None, **options: Any
    ) -> T:
        """The answer to a question about persons. What was asked is not repeated in errors. Raises HubFailed, AnswerUnread."""
        headers = {"Content-Type": "application/json"} if "content" in options else None
        async with self._ask(method, path, whole, headers=headers, **options) as answer:
            data = await _body(answer, files.MAX_STATE)
            if answer.status_code in (404, 405):
                raise ProfilesUnknown(f"{self.hub} answered {path} with status {answer.status_code}: is it older than this edge?")
            if kind is PredictionsTaken and answer.status_code in (400, 413, 422):
                why = _detail(data).removesuffix("; ") or "no reason given"
                raise PredictionsRefused(f"{self.hub} refused predictions with status {answer.status_code}: {why}")
            await self._require(answer, data)
        try:
            return msgspec.json.decode(data, type=kind) if read is None else read(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnswerUnread(f"{self.hub} answered {path} with what is no {kind.__name__}: {error}") from None
        except RecursionError:
            raise AnswerUnread(f"{self.hub} answered {path} with values too deep within each other") from None

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        whole: float,
        silence: float = _SILENCE,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> AsyncIterator[httpx.Response]:
        """A request; `whole` bounds it with the reading of its answer, in seconds."""
        timeout = httpx.Timeout(_SILENCE, connect=_CONNECT, read=silence)
        try:
            async with (
                asyncio.timeout(whole),
                self._client.stream(
                    method, self.hub + path, timeout=timeout, headers={**self._key.headers(), **(headers or {})}, **options
                ) as answer,
            ):
                yield answer
        except TimeoutError:
            raise HubFailed(f"{self.hub} did not finish its answer to {path} within {whole:.0f} s") from None
        except httpx.HTTPError as error:
            raise HubFailed(f"{self.hub} can't be reached: {_words(error)}") from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise HubFailed(f"{self.hub} can't be asked: {describe(str(error))}") from None

    async def _require(self, answer: httpx.Response, data: bytes, fine: tuple[int, ...] = (200,)) -> None:
        """HubFailed unless the status is one that is fine."""
        status = answer.status_code
        if status in fine:
            return
        if status in (401, 403):
            awaited = self._key.awaited
            self._key.refresh()
            if awaited:
                raise KeyAwaited(f"{self.hub} asks for a key, which this edge is to be given")
            cure = "give it one of scope 'edge' with RTML_API_KEY or --key-file (rtml keys create --scope edge)"
            raise HubFailed(f"{self.hub} refuses the key of this edge with status {status}: {_detail(data)}{cure}")
        if 300 <= status < 400:
            raise HubFailed(
                f"{self.hub} sends this edge elsewhere with status {status}, which is not followed: name the hub itself"
            )
        raise HubFailed(
            f"{self.hub} answered with status {status}: {_detail(data) or 'no reason given; '}asked again in a moment"
        )


async def _body(answer: httpx.Response, limit: int) -> bytes:
    """The whole body; HubFailed for one that is larger than the limit or encoded in a way that was not asked for."""
    _require_plain(answer)
    parts = bytearray()
    async for chunk in answer.aiter_raw(_CHUNK):
        parts += chunk
        if len(parts) > limit:
            raise AnswerTooLarge(f"{answer.url.host} answered with more than {limit:,} bytes")
    return bytes(parts)


async def _hashed(answer: httpx.Response, size: int, write: Any) -> str:
    """Write the body of a package; returns its id as its content says. HubFailed for another size, or no package."""
    _require_plain(answer)
    digest, tail, total = hashlib.sha256(), b"", 0
    async for chunk in answer.aiter_raw(_CHUNK):
        total += len(chunk)
        if total > size:
            break
        write(chunk)
        tail += chunk
        digest.update(tail[:-_ID_BYTES])
        tail = tail[-_ID_BYTES:]
    if total != size:
        raise HubFailed(f"the hub's package has {'more than ' if total > size else ''}{min(total, size):,} bytes, not {size:,}")
    found = digest.hexdigest()
    if tail != found.encode():
        raise HubFailed("the hub's package is damaged: its digest does not match its content")
    return found


def _require_plain(answer: httpx.Response) -> None:
    encoding = answer.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise HubFailed(f"{answer.url.host} answered in the encoding {describe(encoding)}, which was not asked for")


def check_state(data: bytes, region: str) -> RegionState:
    """The state in an answer; StateRefused for what an edge of this region can't serve."""
    try:
        state = msgspec.json.decode(data, type=RegionState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateRefused(f"the hub answered no state of a region: {error}. Is it a hub that answers there?") from None
    if state.exchange != EXCHANGE:
        raise StateRefused(
            f"the hub tells states in form {state.exchange}, this edge reads form {EXCHANGE}: upgrade the older of both"
        )
    if state.region != region:
        raise StateRefused(f"the hub answered the state of region {describe(state.region)}, not of '{region}'")
    if state.revision < 0 or not state.hub:
        raise StateRefused(f"the hub answered a state without its id, or of revision {state.revision}")
    names: set[str] = set()
    for entry in state.services:
        try:
            _check_service(entry)
        except (NameRefused, TrafficRefused) as error:
            raise StateRefused(f"the hub answered a state that can't be served: {error}") from None
        if entry.name in names:
            raise StateRefused(f"the hub answered a state with two services '{entry.name}'")
        names.add(entry.name)
    return state


def _check_service(entry: ServiceEntry) -> None:
    check_name(entry.name)
    numbers = [version.version for version in entry.versions]
    if len(set(numbers)) < len(numbers):
        raise StateRefused(f"the hub answered a state in which '{entry.name}' has a version twice")
    for version in entry.versions:
        if not files.PACKAGE_ID.fullmatch(version.package) or not _ID_BYTES < version.size <= MAX_PACKAGE:
            raise StateRefused(
                f"the hub answered a state in which version {version.version} of '{entry.name}' has the package"
                f" {describe(version.package[:80])} with {version.size:,} bytes: expected 64 hexadecimal digits, and up to"
                f" {MAX_PACKAGE:,} bytes"
            )
    check_traffic(entry.traffic, set(numbers))


def _detail(data: bytes) -> str:
    """What a problem document says, cut, with a separator behind it; "" for something else."""
    try:
        document = msgspec.json.decode(data[:65_536])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    detail = document.get("detail") if isinstance(document, dict) else None
    return f"{' '.join(detail.split())[:300]}; " if isinstance(detail, str) and detail else ""


def _words(error: httpx.HTTPError) -> str:
    named: dict[type[httpx.HTTPError], str] = {
        httpx.ConnectTimeout: f"no connection within {_CONNECT:g} s",
        httpx.ReadTimeout: "it accepted the request and said nothing",
        httpx.RemoteProtocolError: "it closed the connection without an answer, or speaks no HTTP",
    }
    text = str(error).splitlines()
    return named.get(type(error)) or (text[0] if text else type(error).__name__)
