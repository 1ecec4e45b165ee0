"""`python -m tests.benchmarks.serving.servers.fit FILE`: fit the standard pipeline with this environment's libraries, keep it."""

from __future__ import annotations

import sys

import joblib

from tests.benchmarks import baseline, data


def main(path: str) -> None:
    """The training rows are those of tests.benchmarks.standard.prepare, so the trees are too."""
    train = data.rows(20_000, seed=1)
    joblib.dump(baseline.pipeline().fit(train, data.bought(train, seed=2)), path)


if __name__ == "__main__":
    main(sys.argv[1])
