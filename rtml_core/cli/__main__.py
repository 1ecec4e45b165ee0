"""`python -m rtml_core.cli`: the same as `rtml`."""

from rtml_core.cli import main

main()
