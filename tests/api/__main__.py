"""python -m tests.api: take what was added to the public surface into the promise of this plugin API."""

from __future__ import annotations

import sys

from rtml_core.hookspecs import PLUGIN_API
from tests.api.compare import compare
from tests.api.surface import Surface, read_snapshot, snapshot_path, surface, write_snapshot


def main(now: Surface) -> int:
    """Write the snapshot; refuse, with exit code 1, to take back what was promised."""
    if not snapshot_path().exists():
        write_snapshot(now)
        print(f"{snapshot_path().name}: the surface of plugin API {PLUGIN_API}, {len(now)} names")
        return 0
    found = compare(read_snapshot(), now)
    if found.breaking:
        print("\n".join(found.breaking))
        print(
            f"This breaks plugins that were written for plugin API {PLUGIN_API}. Keep what there was, and deprecate it"
            f" (rtml_core.api), or raise PLUGIN_API in rtml_core/hookspecs.py; docs/reference/plugin-api-policy.md says when"
        )
        return 1
    write_snapshot(now)
    print("\n".join([*found.added, *found.reworded, f"{snapshot_path().name}: {len(now)} names"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(surface()))
