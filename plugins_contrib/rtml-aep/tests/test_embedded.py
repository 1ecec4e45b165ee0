"""A script that says nothing about a hub gets one; a hub with keys gets the key of the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rtml_plugins.up import embedded

SCRIPT = """
import os
import sys

from rtml_sdk.edge.utils import EdgeUtils

from rtml_core import Client
from rtml_core.client import NotAllowed
from rtml_core.plugin_settings import forget

dsl, rows = sys.stdin.read(), {"a": {0: 1}, "b": {0: 2}}
edge_utils = EdgeUtils()
(edge_location, service_id) = edge_utils.publish_to_edge(dsl=dsl)
scored = edge_utils.score_edge(edge_location=edge_location, service_id=service_id, scoring_data=rows)
print("scored", round(scored.scored_output[0]["variable"], 4))

hub = edge_utils._client.hub
with Client(hub) as client:
    key = client.create_key("me", ["admin", "publish", "predict"]).secret
try:
    EdgeUtils().list_deployed_services()
except NotAllowed as error:
    print("refused", error.status)

os.environ["RTML_PLUGIN_AEP_KEY"] = key
forget()
with_key = EdgeUtils()
assert with_key.publish_to_edge(dsl=dsl) == (edge_location, service_id)
scored = with_key.score_edge(edge_location=edge_location, service_id=service_id, scoring_data=rows)
print("with key", round(scored.scored_output[0]["variable"], 4), key in repr(with_key._settings))
"""


def test_without_a_hub_one_is_started_that_ends_with_the_script_and_keys_are_sent(
    dsl: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "machine"
    plain = {name: value for name, value in os.environ.items() if name != "RTML_HUB"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=dsl(),
        env={**plain, "RTML_PLUGIN_AEP_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["scored 9.0", "refused 401", "with key 9.0 False"]
    assert f"kept in {folder}; they end with this process" in done.stderr
    assert embedded.find(folder) is None
