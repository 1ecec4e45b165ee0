"""Frame2XDM: columns become documents as XDM has them, nested by dotted paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

_EXPECTED = 'an object of columns and the paths they get, e.g. {"score": "_acme.rtml.churn.score"}, or null'


class Frame2XDMParams(Params):
    """See Frame2XDM."""

    paths: Annotated[
        dict[str, str] | None,
        doc(
            "The columns that get a path, and which; other columns stay as they are. Without it every column is taken to be"
            " named by its path.",
            _EXPECTED,
        ),
    ] = None

    def validate(self) -> None:
        from rtml_plugins.xdm.boundary import contradiction
        from rtml_plugins.xdm.paths import join, split

        if self.paths is None:
            return
        made: dict[str, str] = {}
        for name, path in self.paths.items():
            try:
                steps = split(path)
            except RtmlError as error:
                raise ParamError(f"parameter 'paths' must be {_EXPECTED}: {error}") from None
            if not steps or not all(isinstance(step, str) for step in steps):
                raise ParamError(f"parameter 'paths': '{name}' must get a path of keys, without indexes; got {describe(path)}")
            made[name] = join(steps)
        if not made:
            raise ParamError(f"parameter 'paths' must be {_EXPECTED}; got {describe(self.paths)}")
        both = contradiction(made.values())
        if both is not None:
            raise ParamError(f"parameter 'paths': a document can't have both {describe(both[0])} and {describe(both[1])}")
        self.paths = made


class Frame2XDM(Operator):
    """Names columns by their paths in a document, so that predictions are answered as XDM documents.

    In a graph the columns in `paths` are renamed, "score" to "_acme.rtml.churn.score", and keep place, dtype and values. Where
    models are served each prediction is nested by the names of its outputs, {"_acme": {"rtml": {"churn": {"score": 0.24}}}}; an
    output that is missing is left out, as XDM has no null. In Python, documents(frame) gives a document for each row.

    XDM2Frame is the other direction; frames of whole documents and back are rtml_plugins.xdm.frames.to_frame and to_documents.
    """

    Params = Frame2XDMParams
    role = "sink"

    @classmethod
    def examples(cls) -> list[Any]:
        """Two operators with rows."""
        from rtml_core.testing import frame

        rows = frame(score="float?", tier="string?", rows=20)
        return [(cls(paths={"score": "_acme.rtml.score"}), rows), (cls(), rows)]

    def boundary(self) -> dict[str, Any]:
        """{"paths": the names of outputs that are nested}; null for all of them."""
        return {"paths": None if self.params.paths is None else list(self.params.paths.values())}

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = [str(name) for name in frame.columns]
        return frame.set_axis(self._named(names), axis="columns")

    def documents(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        """A document for each row of a frame as this node gets it; what is missing is left out. Raises InputError, PathError."""
        from rtml_plugins.xdm.frames import to_documents
        from rtml_plugins.xdm.paths import escape

        made = self.transform(frame)
        if self.params.paths is not None:  # other names are no paths, but keys as they are
            paths = set(self.params.paths.values())
            made = made.set_axis([name if name in paths else escape(name) for name in made.columns], axis="columns")
        return to_documents(made)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        return dict(zip(self._named(list(columns)), columns.values(), strict=True))

    def _named(self, names: list[str]) -> list[str]:
        """The new names of columns. Raises ColumnError for one that is not there, and for two that can't be in one document."""
        paths = self.params.paths or {}
        for name in paths:
            if name not in names:
                raise ColumnError(missing_column(name, names))
        made = [paths.get(name, name) for name in names]
        self._check(made)
        return made

    def _check(self, names: Iterable[str]) -> None:
        from rtml_plugins.xdm.boundary import contradiction

        both = contradiction(names)
        if both is not None:
            raise ColumnError(
                f"A document can't have both '{both[0]}' and '{both[1]}', as it has one value in one place: rename a column"
            )
