"""The index of ids against a plain dict."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.datasets_ids import IdRun, digest, lookup, merged, to_merge

#: digests with few different high halves, as if those collided
DIGESTS = st.builds(
    lambda high, low: high.to_bytes(8, "little") + low.to_bytes(8, "little"), st.integers(0, 3), st.integers(0, 2**64 - 1)
) | st.binary(min_size=16, max_size=16)
RUNS = st.lists(st.dictionaries(DIGESTS, st.binary(min_size=16, max_size=16), min_size=1, max_size=20), min_size=1, max_size=5)


def asked(digests: list[bytes]) -> np.ndarray:  # type: ignore[type-arg]
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)


@given(RUNS, st.lists(DIGESTS, max_size=10))
@settings(max_examples=60, deadline=None)
def test_the_newest_run_that_has_a_digest_says_its_value(runs: list[dict[bytes, bytes]], others: list[bytes]) -> None:
    expected: dict[bytes, bytes] = {}
    for run in runs:  # from the oldest to the newest
        expected |= run
    made = [IdRun.of(list(run), list(run.values())) for run in reversed(runs)]
    wanted = [*expected, *others]
    for shape in (made, [merged(made)]):
        found, values = lookup(shape, asked(wanted))
        assert found.tolist() == [one in expected for one in wanted]
        assert [values[at].tobytes() for at in np.flatnonzero(found)] == [expected[wanted[at]] for at in np.flatnonzero(found)]
    assert len(merged(made)) == len(expected)


@given(st.lists(DIGESTS, min_size=1, max_size=60, unique=True), st.data())
@settings(max_examples=30, deadline=None)
def test_runs_without_values_go_through_a_file_and_lose_what_is_taken_out(
    tmp_path_factory: pytest.TempPathFactory, digests: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run"
    IdRun.of(digests).write(path)
    assert path.stat().st_size == 24 + 16 * len(digests)
    run = IdRun.open(path)
    assert lookup([run], asked(digests))[0].all()
    gone = data.draw(st.lists(st.sampled_from(digests), min_size=1, unique=True))
    left = run.without(IdRun.of(gone))
    assert left is not None
    assert lookup([left], asked(digests))[0].tolist() == [one not in gone for one in digests]
    assert left.without(IdRun.of(gone)) is None


def test_runs_are_merged_so_that_few_are_left_and_each_id_is_written_a_few_times() -> None:
    sizes: list[int] = []
    written = 0
    for _ in range(2000):
        count = to_merge([5000, *sizes])
        size = 5000 + sum(sizes[: max(count - 1, 0)])
        sizes[: max(count - 1, 0)] = [size]
        written += size
    assert len(sizes) < 16
    assert written < 12 * 2000 * 5000


def test_texts_of_one_kind_are_not_those_of_another() -> None:
    assert digest("a") != digest("a", b"identity")
    assert len({digest(str(number)) for number in range(1000)}) == 1000
    assert len(digest("\ud800")) == 16


def test_a_file_that_is_no_run_is_said(tmp_path: Path) -> None:
    for content in (b"", b"12345678" * 3, b"123"):
        (tmp_path / "run").write_bytes(content)
        with pytest.raises(DatasetError, match="is damaged"):
            IdRun.open(tmp_path / "run")
