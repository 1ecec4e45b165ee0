"""`python -m tests.benchmarks`: measure everything side by side in one run, print the tables, keep them in README.md."""

from __future__ import annotations

import os

# One thread for everyone; libraries read this when they are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from tests.benchmarks.run import main  # noqa: E402

if __name__ == "__main__":
    main()
