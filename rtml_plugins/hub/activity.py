"""What services answered lately: for cards and headlines, of all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Connection, func, select

from rtml_core.client.records import Activity, VersionActivity
from rtml_plugins.hub import times
from rtml_plugins.hub.buckets import COARSE, FINE, LATE, Requests, bucket, together
from rtml_plugins.hub.tables import measures, services

#: seconds that activity is about
LATELY = 60.0


def lately(connection: Connection, now: float, names: Collection[str] | None = None) -> Mapping[str, Activity]:
    """Activity by name of a service, of all that are not deleted, or of those named (which may be none any more).

    It is of the minute that has surely arrived and what came since then, so a rate does not sink at the begin of a bucket.
    """
    living = services.c.deleted.is_(None)
    chosen = living if names is None else living & services.c.name.in_(sorted(set(names)))
    begin = bucket(now - LATE - LATELY, FINE.width)
    seconds = max(LATELY, now - LATE - begin)
    last = _last(connection, chosen)
    found: dict[str, dict[int, Requests]] = defaultdict(dict)
    decoder = msgspec.json.Decoder(list[Requests])
    statement = (  # rows cost more than what is in them, so the database joins those of a version
        select(services.c.name, measures.c.version, func.aggregate_strings(measures.c.counted, ","))
        .join(services, services.c.id == measures.c.service)
        .where(measures.c.resolution == FINE.width, measures.c.at >= begin, chosen)
        .group_by(services.c.name, measures.c.version)
    )
    for name, version, texts in connection.execute(statement):
        found[name][version] = together(decoder.decode(f"[{texts}]"))
    wanted = last if names is None else names
    return {name: _activity(name, found.get(name, {}), seconds, last.get(name)) for name in wanted}


def _last(connection: Connection, chosen: object) -> dict[str, str | None]:
    """When about the newest request of each service was counted, by its name."""
    newest = [
        select(func.max(measures.c.at))
        .where(measures.c.service == services.c.id, measures.c.resolution == kept.width)
        .correlate(services)
        .scalar_subquery()
        for kept in (FINE, COARSE)
    ]
    statement = select(services.c.name, func.coalesce(*newest)).where(chosen).order_by(services.c.name)  # type: ignore[arg-type]
    return {name: None if at is None else times.text(at) for name, at in connection.execute(statement)}


def _activity(name: str, versions: Mapping[int, Requests], seconds: float, last: str | None) -> Activity:
    total = together(list(versions.values()))
    return Activity(
        service=name,
        requests=total.total,
        rate=total.total / seconds,
        errors=total.errors,
        p50=total.quantile(0.5),
        p99=total.quantile(0.99),
        versions={
            number: VersionActivity(one.total / seconds, one.errors, one.quantile(0.5), one.quantile(0.99))
            for number, one in sorted(versions.items())
        },
        last=last,
    )
