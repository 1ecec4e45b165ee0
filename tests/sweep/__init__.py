"""The sweep: estimators of scikit-learn with their options, each fitted, compiled and scored on hard rows.

`python -m tests.sweep` runs it, `--write` rewrites docs/reference/what-lowers-scikit-learn.md; test_sweep.py holds page and
outcome together.
"""
