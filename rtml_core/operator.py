"""The operator contract.

An operator is a class with a name, a version, declared `Params`, and `process`, the eager reference on frames. What can be
said as one row-wise formula implements `columns` and `compute` only; rtml runs the formula on numpy as the reference and
traces it as the lowering. Everything else implements `process` and `lower` itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from rtml_core.columns import Schema
from rtml_core.errors import ExecutionError, NotLowerableError, ParamError, PluginError, close_match, describe, listing
from rtml_core.params import NoParams, Params, describe_params

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.graph import Graph
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

Role = Literal["source", "transform", "model", "sink", "authoring"]

FORMULA_TOLERANCE = (1e-9, 1e-9)


@dataclass
class DataMsg:
    """What flows between nodes: `data`, a frame; `model`, facts about a model (at least `model_id` after ModelUpload).

    `inner`: of a node that runs a graph, what its inner nodes gave, by their ids.
    """

    data: Any = None
    model: dict[str, Any] | None = None
    inner: dict[str, DataMsg] | None = None


class _Signature:
    """What `inspect.signature` and editors are told of an operator class: its parameters. Worked out when it is asked for."""

    def __get__(self, instance: Operator | None, owner: type[Operator]) -> inspect.Signature:
        if instance is not None or owner.__init__ is not Operator.__init__ or owner is Operator:
            raise AttributeError("__signature__")  # Python then works it out itself
        return _signature_of(owner)


class Operator:
    """Base class of all operators; see docs/reference/operator-contract."""

    __signature__ = _Signature()

    #: name in the registry; the class name unless set
    name: ClassVar[str] = ""
    #: version of the operator's meaning; change it when the same parameters mean something else
    version: ClassVar[str] = "1"
    role: ClassVar[Role] = "transform"
    #: how it lowers, for listings: core, extension, function, native, python
    lowering_kind: ClassVar[str] = "core"
    #: tolerance (relative, absolute) of numeric outputs in the parity gate; (0, 0) is bitwise equal, a formula has
    #: FORMULA_TOLERANCE unless it declares its own (sin, exp, ... differ by an ulp between numpy and onnxruntime)
    tolerance: ClassVar[tuple[float, float]] = (0.0, 0.0)
    Params: ClassVar[type[Params]] = NoParams

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        if "compute" in cls.__dict__ and cls.tolerance is Operator.tolerance:
            cls.tolerance = FORMULA_TOLERANCE

    def __init__(self, params: Mapping[str, Any] | None = None, *, id: str | None = None, **named: Any):
        """Parameters as one dict (`Pandas(params={...})`) or as keywords; `id` names the node in a graph."""
        if params is not None and not isinstance(params, Mapping):
            raise ParamError(f"{self.name}: params must be an object of parameter names and values; got {params!r}")
        both = sorted(set(params or {}) & set(named))
        if both:
            raise ParamError(f"{self.name}: parameter '{both[0]}' is given twice, in params and as a keyword")
        #: the id of its node in the graph that it was put into last; `_given_id` is what its author called it
        self.id = self._given_id = id
        self.params: Any = type(self).Params.parse(self.name, {**(params or {}), **named})
        self.state: dict[str, Any] | None = None
        self.setup()

    def setup(self) -> None:
        """Called once after the parameters are validated; override to check or prepare."""

    # ---- the eager reference ------------------------------------------------------------------------------------

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Apply the operator to a frame (a DataMsg, a DataFrame, or a list of them for fan-in); the reference.

        A second positional argument is accepted and ignored, as documented code passes one.
        """
        return DataMsg(data=self.transform(frame_of(message, self.name)))

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Frame in, new frame out; the input is never changed. The formula form does this for you."""
        if not self.has_formula():
            raise NotImplementedError(f"{self.name} implements neither process, transform nor compute")
        from rtml_core.lowering.formula import run_eager

        return run_eager(self, frame)

    # ---- one formula for both -----------------------------------------------------------------------------------

    def columns(self) -> Sequence[str]:
        """Names of the columns that `compute` takes, in order."""
        raise NotImplementedError

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        """The formula over an array namespace: new or replaced columns by name."""
        raise NotImplementedError

    @classmethod
    def has_formula(cls) -> bool:
        return cls.compute is not Operator.compute

    # ---- the compiled form --------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """Emit ONNX: the node's whole output frame as symbolic columns. Raise NotLowerableError with reason and cure."""
        if self.has_formula():
            from rtml_core.lowering.formula import lower_formula

            return lower_formula(self, b, columns)
        raise NotLowerableError(f"{self.name} has no lowering: it runs when authoring, not in a compiled package")

    @classmethod
    def lowers(cls) -> bool:
        """Whether the class has a compiled form at all; what is for authoring has none."""
        return cls.role != "authoring" and (cls.has_formula() or cls.lower is not Operator.lower)

    @classmethod
    def may_learn(cls) -> bool:
        """Whether operators of the class learn, all of them or those whose parameters leave something open."""
        return cls.fit is not Operator.fit

    def schema(self, columns: Schema) -> Schema:
        """Columns in -> columns out, without rows. By default read off the lowering, so that it can't disagree."""
        from rtml_core.lowering.scratch import schema_by_lowering

        return schema_by_lowering(self, columns)

    def parity_cases(self) -> pd.DataFrame | None:
        """Edge rows of this node's own input columns, compared at every compile; None for none."""
        return None

    @classmethod
    def examples(cls) -> Sequence[Self | tuple[Self, pd.DataFrame]]:
        """Operators that `rtml plugins check` tries on their parity_cases, or (operator, frame); those that learn are fitted."""
        return ()

    # ---- what learns --------------------------------------------------------------------------------------------

    #: whether `fit` must run before the node can be used; a class may decide it by its parameters, in `setup`
    learns: bool = False

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn from a training frame; the result goes to `self.state`, JSON values only."""
        return self

    @property
    def fitted(self) -> bool:
        return not self.learns or self.state is not None

    # ---- as a node ----------------------------------------------------------------------------------------------

    def source_fields(self) -> Any:
        """For a source: the fields of a request (see columns.Field); None when it can't know them."""
        return None

    def boundary(self) -> Mapping[str, Any] | None:
        """For a source or sink that reads parts of requests or shapes answers: its plan, JSON values (rtml_core.boundary)."""
        return None

    def subgraph(self) -> Graph | None:
        """For an operator that runs a graph as one node: that graph, so that listings and errors can name its nodes."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Parameters as JSON values, for the DSL."""
        return self.params.to_json()  # type: ignore[no-any-return]

    def __rshift__(self, other: Any) -> Graph:
        from rtml_core.graph import Graph

        graph: Graph = Graph.start(self) >> other
        return graph

    def __rrshift__(self, other: Any) -> Graph:
        from rtml_core.graph import Graph

        graph: Graph = Graph.start(other) >> self
        return graph

    def _repr_html_(self) -> str:
        from rtml_core.display import html

        return html(self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.params.to_json().items())
        return f"{self.name}({inside})"


def _signature_of(cls: type[Operator]) -> inspect.Signature:
    """The signature of an operator class as it is called: params, its parameters as keywords, required ones first, and id.

    Raises ParamError when an annotation of its Params is no type.
    """
    keyword, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
    named = [
        inspect.Parameter(info.name, keyword, default=empty if info.required else info.default, annotation=_plain(info.type))
        for info in sorted(describe_params(cls.Params), key=lambda info: not info.required)
    ]
    first = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=dict | None)
    last = inspect.Parameter("id", keyword, default=None, annotation=str | None)
    # a parameter may be called params, or id: then it is given in the mapping only
    return inspect.Signature([first, *(found for found in named if found.name not in ("params", "id")), last])


def _plain(annotation: Any) -> Any:
    """A type without what `Annotated` adds to it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def frame_of(message: Any, operator: str) -> pd.DataFrame:
    """The frame in a message: a DataMsg, a DataFrame, or several of them joined side by side (fan-in)."""
    import pandas as pd

    from rtml_core.frames import join

    if isinstance(message, (list, tuple)):
        return join([frame_of(item, operator) for item in message])
    data = message.data if isinstance(message, DataMsg) else message
    if not isinstance(data, pd.DataFrame):
        raise ExecutionError(f"{operator} needs a frame (a DataMsg or a pandas DataFrame); got {type(data).__name__}")
    return data


def check_class(cls: Any) -> None:
    """Raise PluginError unless `cls` is a usable operator class; called at registration."""
    if not (isinstance(cls, type) and issubclass(cls, Operator)):
        raise PluginError(f"an operator must be a subclass of rtml_core.Operator; got {describe(cls)}")
    if not isinstance(cls.name, str) or not cls.name.isidentifier() or iskeyword(cls.name) or cls.name.startswith("_"):
        raise PluginError(
            f"operator {cls.__qualname__}: its name must be one that Python can use, like 'Haversine', as in op.Haversine(...);"
            f" got {describe(cls.name)}"
        )
    if not isinstance(cls.version, str) or not cls.version:
        raise PluginError(f'operator {cls.name}: version must be a text, like "1"; got {describe(cls.version)}')
    if cls.role not in get_args(Role):
        hint = close_match(str(cls.role), get_args(Role))
        raise PluginError(f"operator {cls.name}: role must be one of {listing(get_args(Role))}; got {describe(cls.role)}.{hint}")
    implemented = cls.has_formula() or cls.process is not Operator.process or cls.transform is not Operator.transform
    if not implemented:
        raise PluginError(f"operator {cls.name} implements neither process, transform nor compute")
    if not (isinstance(cls.Params, type) and issubclass(cls.Params, Params)):
        raise PluginError(f"operator {cls.name}: Params must be a subclass of rtml_core.Params; got {describe(cls.Params)}")
    if not isinstance(cls.__doc__, str) or not cls.__doc__.strip():
        raise PluginError(f"operator {cls.name} has no docstring; say what it does, its shapes, dtypes and units")
