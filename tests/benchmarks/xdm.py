"""python -m tests.benchmarks.xdm [--write] [--hostile N]: events as columns next to pandas.json_normalize, and odd documents.

Contenders take turns in one process, with the garbage collector quiet; what counts is the time of the processor. Nothing is
fetched: events and documents are made from a seed.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from rtml_core.boundary import Parts
from rtml_core.errors import InputError
from rtml_core.package import BoundaryEntry, FieldEntry
from rtml_plugins.xdm.boundary import xdm2frame
from rtml_plugins.xdm.frames import to_documents, to_frame
from rtml_plugins.xdm.xdm2frame import XDM2Frame
from tests.benchmarks.report import markdown
from tests.benchmarks.xdm_data import events, hostile

README: Final = Path(__file__).with_name("README.md")
_BEGIN: Final = "<!-- xdm: begin -->"
_END: Final = "<!-- xdm: end -->"
EVENTS: Final = 20_000
#: ten paths that a model of a shop may read: texts, numbers, a moment, elements of arrays, something taken of all of them
PATHS: Final[dict[str, Any]] = {
    "page": {"path": "web.webPageDetails.name", "type": "string?"},
    "referrer": {"path": "web.webReferrer.type", "type": "string?"},
    "items": {"path": "productListItems", "take": "count"},
    "sku": {"path": "productListItems[0].SKU", "type": "string?"},
    "total": {"path": "productListItems[*].priceTotal", "take": "sum"},
    "order": {"path": "commerce.order.priceTotal", "type": "float", "default": 0.0},
    "city": {"path": "placeContext.geo.city", "type": "string?"},
    "width": {"path": "device.screenWidth", "type": "float?"},
    "depth": {"path": "_experience.analytics.session.depth", "type": "int?"},
    "when": {"path": "timestamp", "type": "timestamp"},
}


def source_of(operator: XDM2Frame) -> Any:
    """The source that a runtime would make of an operator."""
    fields = [FieldEntry.of(field, None) for field in operator.source_fields()]
    names = tuple(field.name for field in fields)
    return xdm2frame(BoundaryEntry("events", "XDM2Frame", "source", names, operator.boundary(), "xdm", "rtml", "1"), fields, {})


def walked(text: bytes) -> list[Any]:
    """The ten values by hand: json.loads and dict.get, without a look at types."""
    event = json.loads(text)
    web = event.get("web") or {}
    items = event.get("productListItems") or []
    return [
        (web.get("webPageDetails") or {}).get("name"),
        (web.get("webReferrer") or {}).get("type"),
        len(items),
        items[0].get("SKU") if items else None,
        math.fsum(item.get("priceTotal") or 0.0 for item in items),
        ((event.get("commerce") or {}).get("order") or {}).get("priceTotal") or 0.0,
        ((event.get("placeContext") or {}).get("geo") or {}).get("city"),
        (event.get("device") or {}).get("screenWidth"),
        (((event.get("_experience") or {}).get("analytics") or {}).get("session") or {}).get("depth"),
        event.get("timestamp"),
    ]


def frames(rounds: int) -> tuple[str, str]:
    """XDM2Frame and to_frame next to json_normalize, from objects and from texts."""
    documents = events(EVENTS)
    texts = [json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() for event in documents]
    operator = XDM2Frame(paths=PATHS)
    found = in_turns(
        {
            "objects: pandas.json_normalize, all columns": lambda: pd.json_normalize(documents),
            "objects: XDM2Frame, ten paths": lambda: operator.process(documents),
            "objects: to_frame, all columns": lambda: to_frame(documents),
            "texts: json.loads and pandas.json_normalize": lambda: pd.json_normalize([json.loads(text) for text in texts]),
            "texts: XDM2Frame, ten paths": lambda: operator.process(texts),
            "texts: to_frame, all columns": lambda: to_frame(texts),
        },
        rounds,
    )
    rows = [(name, f"{taken:.3f} s", f"{_against(found, name):.1f}") for name, taken in found.items()]
    return "Events to columns", markdown((f"{EVENTS:,} events of {_size(texts)} bytes", "median", "times as fast"), rows)


def in_turns(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of the processor that one call of each takes, the median of its turns: what else the machine does counts less."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            gc.collect()
            gc.disable()
            try:
                begun = time.process_time()
                job()
                taken[name].append(time.process_time() - begun)
            finally:
                gc.enable()
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def _against(found: dict[str, float], name: str) -> float:
    other = next(other for other in found if other.split(":")[0] == name.split(":")[0])
    return found[other] / found[name]


def _size(texts: list[bytes]) -> str:
    return f"{sum(map(len, texts)) // len(texts):,}"


def boundary(rounds: int) -> tuple[str, str]:
    """One event as bytes to the ten values, next to json.loads and dict.get."""
    texts = [json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() for event in events(500)]
    source = source_of(XDM2Frame(paths=PATHS))
    parts = [Parts(event=text) for text in texts]
    assert [source.values(part, 0) for part in parts] == [walked(text) for text in texts]
    found = in_turns(
        {
            "XDM2Frame at the boundary": lambda: [source.values(part, 0) for part in parts],
            "json.loads and dict.get": lambda: [walked(text) for text in texts],
            "of both: json.loads": lambda: [json.loads(text) for text in texts],
        },
        20 * rounds,
    )
    rows = [(name, f"{1e6 * taken / len(texts):.1f} us") for name, taken in found.items()]
    return "One event to model inputs", markdown((f"ten paths of one event of {_size(texts)} bytes", "median"), rows)


# ---- exactness ------------------------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in type and value: 1 is neither 1.0 nor true, 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one.hex() == other.hex() if isinstance(one, float) else bool(one == other)


def undotted(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Documents out of what json_normalize made, as one would write it: what is not NaN, nested by the dots of its column."""
    made = []
    for row in frame.to_dict("records"):
        document: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, (list, dict)) or not pd.isna(value):
                place = document
                *above, last = str(name).split(".")
                for key in above:
                    below = place.setdefault(key, {})
                    place = below if isinstance(below, dict) else {}
                place[last] = value
        made.append(document)
    return made


def exactness(count: int) -> tuple[str, str]:
    """Documents that come back changed, of events and of odd documents that are JSON."""
    rows = []
    odd = [json.loads(text) for text in hostile(count) if _is_object(text)]
    for name, documents in ((f"{EVENTS:,} events", events(EVENTS)), (f"{len(odd):,} odd documents, 100 a frame", odd)):
        lots = [documents] if documents is not odd else [odd[at : at + 100] for at in range(0, len(odd), 100)]
        theirs = sum(_changed(lot, lambda lot: undotted(pd.json_normalize(lot))) for lot in lots)
        ours = sum(_changed(lot, lambda lot: to_documents(to_frame(lot))) for lot in lots)
        rows.append((name, f"{theirs:,}", f"{ours:,}"))
    return "Documents that do not come back as they were", markdown(("", "pandas.json_normalize", "to_frame"), rows)


def _changed(documents: list[Any], way: Any) -> int:
    try:
        back = way(documents)
    except (InputError, ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        return len(documents)
    return sum(not same(before, after) for before, after in zip(documents, back, strict=True))


def _is_object(text: bytes) -> bool:
    """Whether Python's own reader takes a text as an object, no name twice, that is within the limits of to_frame."""
    found = reference(text)
    return isinstance(found, dict) and text.count(b"[") + text.count(b"{") < 150 and "Infinity" not in json.dumps(found)


def reference(text: bytes) -> Any:
    """What Python's own reader makes of a text, as strictly as it can be told to; None where it refuses."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def refuse(word: str) -> Any:
        raise ValueError(word)

    try:
        return json.loads(text.decode(), object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def try_hostile(texts: Iterable[bytes]) -> Counter[str]:
    """What becomes of texts: refused in words, or round-tripped; and, which must not be: changed, a crash, taken though no JSON,
    read differently in training and at the boundary (every fifth is tried)."""
    counts: Counter[str] = Counter()
    operator = XDM2Frame(
        paths={"a": {"path": "a", "take": "count"}, "b": {"path": "a.b", "type": "float?"}, "c": {"type": "string?"}}
    )
    source = source_of(operator)
    for number, text in enumerate(texts):
        expected = reference(text)
        try:
            back = to_documents(to_frame([text], arrays="index" if len(text) < 2_000 else "cell"))
            counts[
                "round-tripped" if same(back, [expected]) else "CHANGED" if expected is not None else "TAKEN THOUGH NO JSON"
            ] += 1
        except InputError:
            counts["refused, and no JSON object" if not isinstance(expected, dict) else "refused, beyond a limit"] += 1
        except Exception as error:
            counts[f"CRASHED: {type(error).__name__}"] += 1
        if number % 5 == 0 and _outcome(lambda text=text: operator.process([text]).data) != _outcome(
            lambda text=text: source.values(Parts(event=text), 0)
        ):
            counts["TRAINING AND SERVING DIFFER"] += 1
    return counts


def _outcome(read: Any) -> Any:
    """Comparable: the values, or where they were refused."""
    try:
        made = read()
    except InputError as error:
        return sorted((p.at.removeprefix("/event").removeprefix("/0"), p.expected) for p in error.problems)
    values = made.iloc[0].astype(object).tolist() if isinstance(made, pd.DataFrame) else made
    return [None if value is None or value != value else value for value in values]


def odd_documents(count: int) -> tuple[str, str]:
    """What becomes of odd and hostile texts."""
    begun = time.perf_counter()
    counts = try_hostile(hostile(count))
    rows = [(what, f"{number:,}") for what, number in counts.most_common()]
    bad = sum(number for what, number in counts.items() if what.isupper() or what.startswith("CRASHED"))
    rows.append(("changed, crashed, or read in two ways", f"{bad:,}"))
    note = f"{count:,} texts, {time.perf_counter() - begun:.0f} s"
    return "Odd and hostile documents", markdown((note, "how many"), rows)


def main() -> None:
    """Measure, print, and write the section of the page when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--hostile", type=int, default=100_000, help="odd documents that are tried")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    sections = []
    for measured in (
        lambda: frames(given.rounds),
        lambda: boundary(given.rounds),
        lambda: exactness(min(given.hostile, 10_000)),
        lambda: odd_documents(given.hostile),
    ):
        title, table = measured()
        sections.append(f"### {title}\n\n{table}\n")
        print(f"\n{sections[-1]}", flush=True)
    if given.write:
        before, _, rest = README.read_text().partition(_BEGIN)
        README.write_text(f"{before}{_BEGIN}\n\n" + "\n".join(sections) + f"\n{_END}{rest.partition(_END)[2]}")


if __name__ == "__main__":
    main()
