"""The command line, `rtml`. Nothing heavy is imported before a command runs: `rtml --help` answers at once."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the console script: run the command line and exit with its code (see docs/reference/command-line)."""
    from rtml_core.cli.app import run

    sys.exit(run(sys.argv[1:]))
