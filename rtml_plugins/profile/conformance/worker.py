"""A process that writes into a store, for tests that kill it: `python -m rtml_plugins.profile.conformance.worker write URL`.

write: commits changes without end, each of everything a change can hold, and says the number of each on a line once it is kept.
count: adds one to a person's number as often as a third argument says, compared and set.
"""

from __future__ import annotations

import sys

from rtml_plugins.profile.store import Change, ProfileStore, StoredEvent, open_store


def change(number: int) -> Change:
    """The change with a number: whatever it touches says the number."""
    data = b"%d " % number * (1 + number % 500)
    last = number - 1
    events = [StoredEvent(key, number, f"e{number}", data) for key in ("ecid:1", "ecid:2", "ecid:3")]
    return Change(
        expect={} if last == 0 else {f"p{last}": 1},
        owners={"ecid:1": f"p{last}" if last else None},
        put={f"p{number}": data, "always": data},
        remove={f"p{last}"} if last else set(),
        own={"ecid:1": f"p{number}", f"number:{number}": "always"},
        events=events,
        marks={"number": number},
    )


def write(store: ProfileStore) -> None:
    """Go on after the last number that is kept; up to three changes in one commit."""
    number = store.mark("number")
    while True:
        many = 1 + number % 3
        if not all(store.commit([change(number + 1 + i) for i in range(many)])):
            raise SystemExit("a change that fits was not applied")
        number += many
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """The two jobs."""
    with open_store(arguments[1]) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if arguments[0] == "write":
            write(store)
        from rtml_plugins.profile.conformance.threads import add_one

        for _ in range(int(arguments[2])):
            add_one(store, "counted", "ecid:1")


if __name__ == "__main__":
    main(sys.argv[1:])
