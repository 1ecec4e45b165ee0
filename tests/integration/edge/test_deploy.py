"""What deploy/ and the pages about it hold: parsed, looked at for what it needs, its commands given to the real command line."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from rtml_core.cli.app import root
from rtml_core.cli.command import State
from rtml_plugins.edge import supervisor
from rtml_plugins.edge.settings import EdgeSettings

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = [path for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) if path.name != "kustomization.yaml"]
COMPOSE = DEPLOY / "compose" / "compose.yaml"
PAGES = [ROOT / "docs" / "how-to" / name for name in ("deploy.md", "operate.md")]
#: seconds that an edge takes to end at the most
LONGEST_END = EdgeSettings(home="", region="na").request_timeout + supervisor.STOP_SECONDS


def parse(arguments: list[str]) -> None:
    """Give the arguments of rtml to its command line without running the command; click.UsageError when they don't fit."""
    with root.make_context("rtml", arguments, obj=State()) as context:
        name, command, rest = root.resolve_command(context, list(context._protected_args) + context.args)
        assert name is not None
        assert command is not None
        while isinstance(command, click.Group):
            group = command.make_context(name, rest, parent=context)
            name, command, rest = command.resolve_command(group, list(group._protected_args) + group.args)
            assert command is not None
        command.make_context(name, rest, parent=context)


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        if "CI" in os.environ:
            pytest.fail(f"{program} is missing")
        pytest.skip(f"needs {program}: apt-get install {package}")
    return found


def objects() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [found for found in objects() if found["kind"] == kind]


# ---- systemd ------------------------------------------------------------------------------------------------------------


def options(unit: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE))


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    program = need("systemd-analyze", "systemd")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/rtml/bin/rtml", sys.executable))
    done = subprocess.run([program, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_a_unit_runs_what_there_is_and_leaves_it_time_to_end(unit: Path) -> None:
    said = options(unit)
    line = said["ExecStart"].replace("%i", "emea").replace("%d", "/run/credentials")
    words = [word for word in shlex.split(line) if not word.startswith("$")]
    assert words[0] == "/opt/rtml/bin/rtml"
    parse(words[1:])
    assert int(said["TimeoutStopSec"]) > LONGEST_END
    assert (said["Restart"], said["User"], said["KillMode"]) == ("always", "rtml", "mixed")
    home = words[words.index("--home") + 1]
    assert home == "/var/lib/" + said["StateDirectory"].replace("%i", "emea")
    for example in re.findall(r"^# .*?((?:--\S+ \S+ ?)+)$", unit.read_text(), re.MULTILINE):
        parse([*words[1:], *example.split()])


# ---- compose ------------------------------------------------------------------------------------------------------------


def test_compose_has_what_its_services_need() -> None:
    found = yaml.safe_load(COMPOSE.read_text())
    assert (COMPOSE.parent / found["x-common"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / found["x-common"]["build"]["dockerfile"]).is_file()
    for name, service in found["services"].items():
        command = service["command"]
        parse(command)
        assert int(service["stop_grace_period"].removesuffix("s")) > LONGEST_END
        assert service["restart"] == "unless-stopped"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["mem_limit"]
        assert "/v1/health/" in service["healthcheck"]["test"][-1]
        compile(service["healthcheck"]["test"][-1], name, "exec")
        (volume,) = service["volumes"]
        source, target = volume.split(":")
        assert source in found["volumes"]
        home = (
            next(word for word in command if "/var/lib/rtml/" in word).partition("=")[2] or command[command.index("--home") + 1]
        )
        assert home.startswith(target)
        inside = "8000" if name == "hub" else "8001"
        assert [port.rpartition(":")[2] for port in service["ports"]] == [inside]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        if name != "hub":
            assert "--key-file=/run/secrets/edge_key" in command
            assert service["secrets"] == ["edge_key"]
            assert set(service["secrets"]) <= set(found["secrets"])
    outside = [port for service in found["services"].values() for port in service["ports"]]
    assert len({port.rpartition(":")[0] for port in outside}) == len(outside)


def test_the_image_has_a_user_and_starts_rtml() -> None:
    lines = dict(line.split(" ", 1) for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line[:1].isupper())
    assert lines["ENTRYPOINT"] == '["rtml"]'
    found = yaml.safe_load(COMPOSE.read_text())
    assert lines["USER"] == found["x-common"]["user"]
    assert lines["VOLUME"] == "/var/lib/rtml"


# ---- Kubernetes ---------------------------------------------------------------------------------------------------------


def test_kustomize_renders_the_manifests() -> None:
    program = need("kubectl", "kubectl (see kubernetes.io)")
    done = subprocess.run(
        [program, "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rendered = list(yaml.safe_load_all(done.stdout))
    assert len(rendered) == len(list(objects()))
    assert {one["metadata"].get("namespace", "rtml") for one in rendered} == {"rtml"}


def test_the_kustomization_names_every_manifest() -> None:
    named = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted(named) == [path.name for path in MANIFESTS]


@pytest.mark.parametrize("found", of_kind("StatefulSet"), ids=lambda found: str(found["metadata"]["name"]))
def test_a_workload_has_probes_limits_volumes_and_time_to_end(found: dict[str, Any]) -> None:
    spec = found["spec"]
    pod = spec["template"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert spec["serviceName"] in {service["metadata"]["name"] for service in of_kind("Service")}
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    (container,) = pod["containers"]
    arguments = container["args"]
    parse([word.replace("$(POD_NAME)", "edge-emea-0") for word in arguments])
    slept = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert pod["terminationGracePeriodSeconds"] > LONGEST_END + float(slept[1])
    ports = {port["name"] for port in container["ports"]}
    for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        assert container[probe]["httpGet"]["path"] == f"/v1/health/{path}"
        assert container[probe]["httpGet"]["port"] in ports
    kept = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    volumes = kept | {volume["name"] for volume in pod["volumes"]}
    for one in [container, *pod.get("initContainers", [])]:
        assert {mount["name"] for mount in one["volumeMounts"]} <= volumes
        assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert one["resources"]["limits"]["memory"]
        assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert (one["securityContext"]["readOnlyRootFilesystem"], one["securityContext"]["allowPrivilegeEscalation"]) == (
            True,
            False,
        )
    home = next(word for word in arguments if "/var/lib/rtml/" in word).rpartition("=")[2]
    assert any(home.startswith(m["mountPath"]) and m["name"] in kept for m in container["volumeMounts"])
    for one in pod.get("initContainers", []):
        (script,) = one["args"]
        parse(shlex.split(script.partition("|| rtml ")[2]))


def test_an_edge_of_kubernetes_has_its_key_from_a_secret_and_is_reached_by_name() -> None:
    (found,) = (one for one in of_kind("StatefulSet") if one["metadata"]["name"] == "edge-emea")
    pod = found["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (secret,) = (volume for volume in pod["volumes"] if "secret" in volume)
    (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == secret["name"])
    assert f"--key-file={mount['mountPath']}/key" in container["args"]
    assert f"--url=http://$(POD_NAME).{found['spec']['serviceName']}:8001" in container["args"]
    assert "--port=8001" in container["args"]
    assert container["ports"][0]["containerPort"] == 8001


def test_services_and_budgets_select_the_pods_that_there_are() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind("StatefulSet")]
    selectors = [one["spec"]["selector"] for one in of_kind("Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind("PodDisruptionBudget")]
    assert len(selectors) == 4
    for selector in selectors:
        assert sum(selector.items() <= one.items() for one in labels) == 1


# ---- pages --------------------------------------------------------------------------------------------------------------


def commands(page: Path) -> list[list[str]]:
    """The arguments of rtml in the lines of a page's shell blocks that run it."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        starts = [
            at
            for at, word in enumerate(words)
            if word in ("rtml", "/opt/rtml/bin/rtml") and words[at - 1] not in ("-o", "-u", "-n")
        ]
        starts += [at + 1 for at, word in enumerate(words) if word == "--rm"]  # docker compose run --rm hub ...
        if starts:
            end = next((at for at, word in enumerate(words) if at > starts[0] and word in (">", "|", "&&", ";")), None)
            found.append(words[starts[0] + 1 : end])
    return [words for words in found if words]  # a user of that name is no command


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_command_of_the_pages_exists(page: Path) -> None:
    found = commands(page)
    assert len(found) > 3
    for words in found:
        try:
            parse(words)
        except click.UsageError as error:
            raise AssertionError(f"{page.name}: rtml {shlex.join(words)}: {error.format_message()}") from error
