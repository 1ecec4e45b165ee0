"""ProfileWriter: which output of a model is written to the profile of the person it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

from rtml_core import Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: fields of one's own stand under the name of a tenant; these begin with "_" and are XDM's
_TENANT: Final = re.compile(r"_[A-Za-z][A-Za-z0-9_-]*")
_NOT_TENANTS: Final = frozenset({"_id", "_type", "_repo", "_schema", "_experience"})
_PATH: Final = 'a path under a tenant of your own, e.g. "_acme.rtml.churn", or null'


class ProfileWriterParams(Params):
    """See ProfileWriter."""

    output: Annotated[str, doc("The output of the graph that is written.", 'the name of a column, e.g. "propensity"')]
    path: Annotated[
        str | None,
        doc(
            "Where it is written in the profile: an object with score, model, version and time. Without it, in"
            " segmentMembership.rtml under the name of the service, as XDM has it for propensities.",
            _PATH,
        ),
    ] = None

    def validate(self) -> None:
        from rtml_plugins.xdm.paths import join, split

        if not self.output:
            raise ParamError("parameter 'output' must be the name of a column; got ''")
        if self.path is None:
            return
        try:
            steps = split(self.path)
        except RtmlError as error:
            raise ParamError(f"parameter 'path' must be {_PATH}: {error}") from None
        named = len(steps) > 1 and all(isinstance(step, str) for step in steps)
        tenant = str(steps[0]) if named else ""
        if not _TENANT.fullmatch(tenant) or tenant in _NOT_TENANTS:
            raise ParamError(f"parameter 'path' must be {_PATH}; got {describe(self.path)}")
        self.path = join(steps)


class ProfileWriter(Operator):
    """Says which output is written to the profile of the person that a prediction is about.

    The frame passes as it is, also when the graph is compiled, and the answer is what it would be without it. A hub to which the
    package is published takes the setting up as the service's enrichment, unless somebody set another one by hand: it then writes
    each prediction to the profile, with model, version and time, after the answer was sent. One ProfileWriter is needed for each
    output that is written; several stand one behind the other.
    """

    Params = ProfileWriterParams
    role = "sink"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        return [(cls(output="score", path="_acme.rtml.churn"), frame(score="float?", tier="string?", rows=20))]

    def boundary(self) -> dict[str, Any]:
        """{"paths": {output: path}}; "" for the usual place."""
        return {"paths": {self.params.output: self.params.path or ""}}

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        self._check(map(str, frame.columns))
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        self._check(columns)
        return dict(columns)

    def _check(self, names: Iterable[str]) -> None:
        known = list(names)
        if self.params.output not in known:
            raise ColumnError(missing_column(self.params.output, known))
