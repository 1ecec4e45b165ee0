"""How good the author found a model: figures by name, as they are kept in its package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Final

from rtml_core.errors import CompileError, describe

#: figures of a package, and characters of a name, at most
MOST: Final = 50
LONGEST: Final = 100


def checked(metrics: Mapping[str, Any] | None) -> dict[str, float]:
    """The metrics as floats; CompileError naming the first one that is no finite number or has a name that can't be shown."""
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise CompileError(f'metrics must be names and numbers, e.g. {{"auc": 0.81}}; got {describe(metrics)}')
    if len(metrics) > MOST:
        raise CompileError(f"metrics must be at most {MOST}; got {len(metrics)}. Keep those that say how good the model is")
    done: dict[str, float] = {}
    for name, value in metrics.items():
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST or not name.isprintable():
            raise CompileError(f"a metric's name must be 1 to {LONGEST} printable characters, e.g. 'auc'; got {describe(name)}")
        # a number of numpy is a Real, too, and a bool is none that says how good a model is
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            raise CompileError(f"metric '{name}' must be a finite number; got {describe(value)}. Leave it out if it is not known")
        done[name] = float(value)
    return done
