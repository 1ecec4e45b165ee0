"""Where what one version answers is looked at: how much of it may be, and its counts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import InputError
from rtml_plugins.edge.batching import LARGE_BODY
from rtml_plugins.edge.counting import Counter, inputs_of, moment, outputs_of
from rtml_plugins.edge.values import Counts, Side

if TYPE_CHECKING:
    from rtml_core import Runtime
    from rtml_plugins.edge.measuring import Measuring
    from rtml_plugins.edge.table import Loaded

#: share of a process's time that may go into looking at values, and seconds whose share may be saved up for a burst
SHARE: Final = 0.01
SAVED: Final = 0.25
#: rows of a request that are looked at at most, and values: of wide rows fewer
MOST_ROWS: Final = 64
MOST_VALUES: Final = 4096
#: what looking at a request costs before it was measured: seconds, and seconds for each column
_COST: Final = 0.000_01
_COST_COLUMN: Final = 0.000_000_2
#: seconds that a request costs besides, when it is taken
TAKING: Final = 0.000_001
#: how fast what it was found to cost is believed
_SLOWLY: Final = 32

_decoder: Final = json.JSONDecoder()


class Tap:
    """Where what one version answers is looked at. Used in the event loop only.

    left: requests that may be looked at before the next allowance; 0 when none is wanted. Callers look at it before `take`, which
    is all that a request costs that is not looked at. cost: seconds of one request. most: how many requests may be saved up.
    gone: since when (time.monotonic) the version is not served any more, None as long as it is.
    """

    # fmt: off
    __slots__ = (
        "_funds", "_inputs", "_measuring", "_most_rows", "_names", "_outputs", "_package", "_read", "_runtime", "_times",
        "_version", "cost", "gone", "left", "most", "rows", "serial", "service", "width",
    )
    # fmt: on

    def __init__(self, measuring: Measuring, loaded: Loaded):
        self._measuring = measuring
        self._runtime: Runtime | None = loaded.runtime
        self._package = loaded.package_id
        self._version = loaded.version
        self.service = loaded.service
        self.serial = 0  # until the first request: what nobody asks takes no memory
        self.rows = 0
        self.gone: float | None = None
        baseline = loaded.runtime.manifest.baseline
        self.width = 0 if baseline is None else len(baseline.inputs) + len(baseline.outputs)
        self.cost = _COST + _COST_COLUMN * self.width
        self._funds = 0.0  # seconds of the allowance that are less than a request costs
        self.left = self.most = max(1, int(SHARE * SAVED / self.cost)) if self.width else 0

    # ---- in a request -------------------------------------------------------------------------------------------

    def take(self, rows: Sequence[Any], body: bytes, predictions: bytes) -> None:
        """Have an answered request looked at later. rows: as JsonRows.decode gave them for the body; they are not copied."""
        if self.serial == 0 and not self._begin():
            return
        size, count = len(body) + len(predictions), len(rows)
        step = 1
        if count > self._most_rows:
            if len(predictions) < LARGE_BODY:
                step = -(-count // self._most_rows)
                rows = rows[::step]
            else:  # to read all of it would hold the others up
                rows = rows[: self._most_rows]
                predictions = predictions[:LARGE_BODY]
            size = size * len(rows) // count
        self._measuring.queue(self, size, self._count, (rows, step, predictions))

    def take_made(self, make: Callable[[int], tuple[bytes, bytes]], size: int) -> None:
        """take for what was not asked in JSON. make: gives the body and the predictions as JSON, called with the number of rows
        that are wanted at most. size: bytes that it holds on to, or so."""
        if self.serial == 0 and not self._begin():
            return
        self._measuring.queue(self, size, self._count_made, (make,))

    def _begin(self) -> bool:
        """Make place for the counts; False when there is none, or nothing to count: then no more is wanted."""
        runtime = self._runtime
        if runtime is None:
            return False
        manifest = runtime.manifest
        inputs, outputs = inputs_of(manifest, runtime.signature.ordered), outputs_of(manifest)
        self.width = len(inputs) + len(outputs)
        if not self.width:
            self.stop()
            return False
        if not self._measuring.admit(self):
            self.left = 0
            return False
        self._most_rows = max(1, min(MOST_ROWS, MOST_VALUES // self.width))
        self._inputs, self._outputs = Counter(inputs), Counter(outputs)
        self._names = [output.name for output in manifest.outputs]
        self._times = [at for at, output in enumerate(manifest.outputs) if output.dtype == "timestamp"]
        fields = [(f"f{at}", Any, msgspec.field(name=name)) for at, name in enumerate(self._names)]
        prediction: Any = msgspec.defstruct("Prediction", fields, gc=False)
        self._read: Callable[[bytes], Any] = msgspec.json.Decoder(list[prediction]).decode
        self.serial = self._measuring.number()
        return True

    # ---- after it -----------------------------------------------------------------------------------------------

    def _count(self, rows: Sequence[Any], step: int, predictions: bytes) -> None:
        """Look at rows and what was predicted for them, of which each `step`th is theirs."""
        if len(predictions) < LARGE_BODY:
            read = self._read(predictions)
            found: list[Any] = [msgspec.structs.astuple(one) for one in (read[::step] if step > 1 else read)]
        else:
            found = self._first(predictions)
            rows = rows[: len(found)]
        if self._times:
            found = [self._timed(one) for one in found]
        self._inputs.add(rows)
        self._outputs.add(found)
        self.rows += len(found)

    def _count_made(self, make: Callable[[int], tuple[bytes, bytes]]) -> None:
        runtime = self._runtime
        if runtime is None:  # gone meanwhile
            return
        body, predictions = make(self._most_rows)
        with contextlib.suppress(InputError):  # a form of a value that the other protocol takes and JSON has not
            self._count(runtime.json.decode(body), 1, predictions)

    def _first(self, predictions: bytes) -> list[Any]:
        """The first of many predictions, of which maybe only the beginning is there."""
        text, at = predictions.decode("utf-8", "ignore"), 1
        found: list[Any] = []
        with contextlib.suppress(ValueError):  # where it was cut off
            while len(found) < self._most_rows:
                one, end = _decoder.raw_decode(text, at)
                found.append([one[name] for name in self._names])
                at = end + 1
        return found

    def _timed(self, prediction: Sequence[Any]) -> list[Any]:
        values = list(prediction)
        for at in self._times:
            values[at] = moment(values[at])
        return values

    def told(self) -> Counts:
        """What stands in the file."""
        inputs, outputs = (Side(side.names, side.counts) for side in (self._inputs, self._outputs))
        return Counts(self.serial, self.service, self._version, self._package, self.rows, inputs, outputs)

    # ---- allowance ----------------------------------------------------------------------------------------------

    def wants(self) -> float:
        """Seconds of allowance until no more can be saved up."""
        return max(0.0, (self.most - self.left) * self.cost - self._funds)

    def fill(self) -> None:
        """Give all that can be saved up."""
        self.left, self._funds = self.most, 0.0

    def fund(self, seconds: float) -> None:
        """Give an allowance."""
        self._funds += seconds
        requests = int(self._funds / self.cost)
        self._funds -= requests * self.cost
        self.left = min(self.most, self.left + requests)

    def learn(self, seconds: float) -> None:
        """Take in what looking at a request has cost; what another process took of it is cut."""
        self.cost += (min(seconds + TAKING, 4 * self.cost) - self.cost) / _SLOWLY
        if self.most:
            self.most = max(1, int(SHARE * SAVED / self.cost))

    def stop(self) -> None:
        """Look at nothing any more, and let go of the model."""
        self.left = self.most = 0
        self._runtime = None
