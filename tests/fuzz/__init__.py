"""Random graphs of operators: compiled or refused, never different from what was authored. `make fuzz` runs for a chosen time."""
