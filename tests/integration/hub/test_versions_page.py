"""The page about versions and rollbacks: every command on it does what it says, on a real hub with real edges."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rtml_core.client import Client
from rtml_core.client.records import Arm, Traffic

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "versions-and-rollbacks.md"
#: what a command of the page leaves behind: traffic of churn, in the order of the page
LEAVES: dict[str, Traffic | None] = {
    "rtml publish september.rtml --name churn --region na,emea": Traffic(1),
    "rtml publish october.rtml --name churn --message 'trained on October'": Traffic(2),
    "rtml services rollback churn": Traffic(1),
    "rtml services rollback churn --to 2": Traffic(2),
    "rtml services canary churn 1 10%": Traffic(2, canary=Arm(1, 0.1)),
    "rtml services canary churn 1 50%": Traffic(2, canary=Arm(1, 0.5)),
    "rtml services promote churn": Traffic(1),
    "rtml services split churn 2=20% --sticky customer": Traffic(1, split=(Arm(2, 0.2),), sticky="customer"),
    "rtml services split churn --off": Traffic(1, sticky="customer"),
    "rtml services shadow churn 2": Traffic(1, shadow=2, sticky="customer"),
    "rtml services shadow churn --off": Traffic(1, sticky="customer"),
    "rtml publish strict.rtml --name churn --allow-incompatible": Traffic(3, sticky="customer"),
    "rtml services delete churn --yes": None,
}
REFUSED = "rtml publish strict.rtml --name churn"


def fenced(kind: str) -> list[str]:
    return [block.split("```")[0] for block in PAGE.read_text().split(f"```{kind}\n")[1:]]


@contextmanager
def up(home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "rtml_core.cli", "up", "--home", str(home), "--port", "0", "--region", "na"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().split() == ["what", "region", "address"]
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rtml_cli: Callable[..., Any]) -> None:
    monkeypatch.chdir(tmp_path)
    exec("".join(fenced("python")), {})
    commands = [shlex.split(line) for block in fenced("sh") for line in block.strip().splitlines()]
    with up(tmp_path / "home") as hub, Client(hub=hub) as client:
        monkeypatch.setenv("RTML_HUB", hub)
        for command in commands:
            assert command[0] == "rtml"
            done = rtml_cli(*command[1:])
            text = shlex.join(command)
            if text == REFUSED:
                assert f"Error: {done.error}\n" == fenced("text")[0]
                continue
            assert done.code == 0, (text, done)
            if text in LEAVES:
                assert traffic(client) == LEAVES.pop(text), text
    assert not LEAVES


def traffic(client: Client) -> Traffic | None:
    return next((service.traffic for service in client.services() if service.name == "churn"), None)
