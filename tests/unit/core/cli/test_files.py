"""Inputs that must be there, outputs that appear whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from rtml_core.cli.files import Interruptible, Pending, existing, pending, row_format, writable, write_text
from rtml_core.errors import RtmlError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names() -> list[str]:
    """Everything in the test's directory, hidden or not."""
    return sorted(os.listdir())


def test_a_missing_file_gets_the_closest_name_beside_it() -> None:
    Path("rows.csv").touch()
    with pytest.raises(RtmlError, match=r"^row\.csv does not exist\. Did you mean 'rows\.csv'\?$"):
        existing("row.csv")
    with pytest.raises(RtmlError, match=r"^no/rows\.csv does not exist\. There is no directory no either$"):
        existing("no/rows.csv")
    with pytest.raises(RtmlError, match="is a directory"):
        existing(".")
    assert existing("rows.csv") == Path("rows.csv")


def test_the_format_is_in_the_name() -> None:
    names = ["a.jsonl", "a.NDJSON", "a.b.csv", "a.parquet"]
    assert [row_format(name) for name in names] == ["jsonl", "jsonl", "csv", "parquet"]


@pytest.mark.parametrize("name", ["a.json", "a.txt", "rows", ".csv"])
def test_another_format_is_refused(name: str) -> None:
    with pytest.raises(RtmlError, match=r"must end in \.jsonl"):
        row_format(name)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no/out.csv", "no does not exist; make it first"),
        ("file/out.csv", "file is not a directory"),
        (".", "it is a directory; name a file in it"),
        (os.devnull, "it is no regular file"),
    ],
)
def test_what_can_not_be_written_is_refused_at_once(path: str, reason: str) -> None:
    Path("file").touch()
    with pytest.raises(RtmlError, match=f"can't be written: {reason}"):
        writable(path)


def test_no_permission_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(RtmlError, match=r"no permission to write into \."):
        writable("out.csv")
    Path("rows.csv").touch()
    with pytest.raises(RtmlError, match=r"rows\.csv can't be read: Permission denied"):
        existing("rows.csv")


def test_a_file_is_in_place_when_the_block_ends_and_not_before() -> None:
    with pending("out.csv", None) as (file, nothing):
        assert file is not None
        assert nothing is None
        file.stream.write(b"all of it")
        assert "out.csv" not in names()
    assert names() == ["out.csv"]
    assert Path("out.csv").read_bytes() == b"all of it"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_what_was_there(error: type[BaseException]) -> None:
    Path("out.csv").write_bytes(b"before")
    with pytest.raises(error), pending("out.csv", "bad.jsonl") as (file, _):  # noqa: PT012
        assert file is not None
        file.stream.write(b"half")
        raise error
    assert names() == ["out.csv"]
    assert Path("out.csv").read_bytes() == b"before"


def test_when_the_second_file_can_not_be_made_the_first_is_removed() -> None:
    with pytest.raises(RtmlError, match="no does not exist"), pending("out.csv", "no/bad.jsonl"):
        pass
    assert names() == []


def test_links_are_followed_and_stay() -> None:
    Path("real.txt").write_text("old")
    Path("link.txt").symlink_to("real.txt")
    write_text("link.txt", "nü")
    assert Path("link.txt").is_symlink()
    assert Path("real.txt").read_bytes() == "nü".encode()


def test_the_mode_is_what_the_umask_says() -> None:
    before = os.umask(0o027)
    try:
        write_text("out.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat("out.txt").st_mode) == 0o640


def test_discarding_twice_and_after_a_commit_harms_nothing() -> None:
    file = Pending("out.txt")
    file.discard()
    file.open()
    file.flush()
    file.commit()
    file.discard()
    file.discard()
    assert names() == ["out.txt"]


SIGNALS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]


@pytest.mark.parametrize(("number", "error"), SIGNALS)
def test_a_signal_ends_the_block_as_an_exception(number: signal.Signals, error: type[BaseException]) -> None:
    before = signal.getsignal(number)
    with pytest.raises(error) as caught, pending("out.csv"):
        signal.raise_signal(number)
    assert caught.type is not SystemExit or caught.value.code == 143  # type: ignore[attr-defined]
    assert signal.getsignal(number) is before
    assert names() == []


@pytest.mark.parametrize(("number", "error"), SIGNALS)
def test_a_signal_between_making_a_file_and_remembering_it_leaves_nothing(
    number: signal.Signals, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.open

    def interrupted(*arguments: object) -> int:
        made = make(*arguments)  # type: ignore[arg-type]
        signal.raise_signal(number)
        return made

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(error), pending("out.csv", "bad.jsonl"):
        pass
    assert names() == []


@pytest.mark.parametrize(("number", "error"), SIGNALS)
def test_a_signal_in_the_clean_up_leaves_nothing(
    number: signal.Signals, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(file: Pending) -> None:
        file.stream.close()
        signal.raise_signal(number)

    monkeypatch.setattr(Pending, "discard", interrupted)
    with pytest.raises(error), pending("out.csv"):
        raise ValueError
    assert names() == []


@pytest.mark.parametrize(("number", "error"), SIGNALS)
def test_a_signal_between_two_renames_waits_for_the_second(
    number: signal.Signals, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def interrupted(source: Path, target: Path) -> None:
        replace(source, target)
        signal.raise_signal(number)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(error), pending("out.csv", "bad.jsonl"):
        pass
    assert names() == ["bad.jsonl", "out.csv"]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pending("out.csv"):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert names() == ["out.csv"]


def lost(number: signal.Signals) -> None:
    """A signal whose exception is swallowed on its way, as a library in C may do."""
    try:
        signal.raise_signal(number)
    except BaseException:
        return
    pytest.fail("the handler did not raise")


@pytest.mark.parametrize(("number", "error"), SIGNALS)
def test_a_signal_whose_exception_got_lost_ends_the_block(number: signal.Signals, error: type[BaseException]) -> None:
    with pytest.raises(error), pending("out.csv"):
        lost(number)
    assert names() == []


def test_a_long_block_asks_between_its_steps() -> None:
    steps: list[str] = []

    def work() -> None:
        signals = Interruptible()
        with pending("out.csv", signals=signals):
            signals.insist()
            lost(signal.SIGTERM)
            steps.append("first")
            signals.insist()
            steps.append("second")

    with pytest.raises(SystemExit):
        work()
    assert steps == ["first"]
