"""What is left of a store in SQLite after its process was killed, or the power cut."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rtml_plugins.profile.conformance.lasting import check_numbered
from rtml_plugins.profile.store import open_store


def killed_writer(url: str, changes: int) -> int:
    """A process that wrote until it had said so many changes, and was killed then; the last number that it said."""
    command = [sys.executable, "-m", "rtml_plugins.profile.conformance.worker", "write", url]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        last = 0
        for line in worker.stdout:
            last = int(line) if line.strip().isdecimal() else last
            if last >= changes:
                break
        worker.kill()
        said, errors = worker.communicate()
        assert worker.returncode == -9, errors
        whole = [int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")]
        return whole[-1] if whole else last
    finally:
        if worker.poll() is None:
            worker.kill()
        worker.communicate()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A folder as a killed writer has left it, with its log, and what the writer had said last."""
    folder = tmp_path_factory.mktemp("killed")
    said = killed_writer(f"sqlite:///{folder}/profiles.db", 700)
    assert (folder / "profiles.db-wal").stat().st_size > 100_000
    return folder, said


def test_what_was_said_is_there(written: tuple[Path, int], tmp_path: Path) -> None:
    folder, said = written
    shutil.copytree(folder, tmp_path / "copy")
    with open_store(f"sqlite:///{tmp_path}/copy/profiles.db") as store:
        assert check_numbered(store) >= said


def test_a_power_cut_takes_the_last_changes_and_no_half_one(written: tuple[Path, int], tmp_path: Path) -> None:
    """The end of the log is what a disk may not have yet: cut off, or full of something else, anywhere."""
    folder, said = written
    rnd = random.Random(11)
    size = (folder / "profiles.db-wal").stat().st_size
    kept = []
    for number in range(12):
        copy = tmp_path / str(number)
        copy.mkdir()
        for name in ("profiles.db", "profiles.db-wal"):
            shutil.copy(folder / name, copy / name)
        at = rnd.randrange(size // 2, size)
        with (copy / "profiles.db-wal").open("r+b") as log:
            if number % 2:
                log.truncate(at)
            else:
                log.seek(at)
                log.write(rnd.randbytes(4096))
        with open_store(f"sqlite:///{copy}/profiles.db") as store:
            kept.append(check_numbered(store))
    assert max(kept) <= said + 3
    assert min(kept) < said


def test_a_process_that_is_killed_while_the_log_is_written_back_loses_nothing(tmp_path: Path) -> None:
    """With a log of 1 MB most of the time goes into writing it back, so that is when it is killed."""
    url = f"sqlite:///{tmp_path}/profiles.db?checkpoint=1"
    said = 0
    for more in (150, 210, 170, 260):
        said = killed_writer(url, said + more)
        with open_store(url) as store:
            assert check_numbered(store) >= said


def test_processes_that_make_a_store_at_the_same_time_make_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/profiles.db"
    command = [sys.executable, "-m", "rtml_plugins.profile.conformance.worker", "count", url, "10"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        for worker in workers:
            _, errors = worker.communicate(timeout=120)
            assert worker.returncode == 0, errors
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.communicate()
    with open_store(url) as store:
        assert store.read(["counted"]) == [("counted", 40, b"40")]
