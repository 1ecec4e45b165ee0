"""A hub that is killed: what it acknowledged is there, whole, and the next one goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package

PUBLISH = """
import sys
from pathlib import Path
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import PackageStore
from tests.unit.hub.packages import check_here
hub = Hub(open_database(sys.argv[1]), PackageStore(sys.argv[2]), check=check_here)
files = sorted(Path(sys.argv[3]).glob("*.rtml"))
for turn in range(1000):
    for path in files:
        made = hub.publish(f"s{turn}", path.read_bytes(), actor="me", regions=["na"])
        print(made.service, made.version, made.package, made.revision, flush=True)
"""


def test_what_a_killed_hub_acknowledged_is_there(place: Place, tmp_path: Path) -> None:
    hub = place.open()
    given = tmp_path / "given"
    given.mkdir()
    for number in (1, 2, 3):
        (given / f"{number}.rtml").write_bytes(package(number))
    command = [sys.executable, "-c", PUBLISH, place.url, str(place.folder / "packages"), str(given)]
    said: list[tuple[str, int, str, int]] = []
    for acknowledged in (1, 4, 2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
            assert process.stdout is not None
            for _ in range(acknowledged):
                service, version, name, revision = process.stdout.readline().split()
                said.append((service, int(version), name, int(revision)))
            process.kill()  # somewhere in the next one
        services = {service.name: service for service in hub.list()[0]}
        for service, version, name, revision in said:
            assert hub.version(service, version).package == name
            assert hub.revision("na") >= revision
        held = {entry.package for state in hub.region_state("na").services for entry in state.versions}
        numbered = {version.package for service in services.values() for version in service.versions}
        assert held <= numbered
        for name in numbered:
            assert hub.package(name)  # verified
        published = [entry for entry in hub.audit(limit=1000) if entry.action == "service.publish"]
        assert len(published) == sum(len(service.versions) for service in services.values())
    assert hub.publish("after", package(1), actor="me").version == 1
