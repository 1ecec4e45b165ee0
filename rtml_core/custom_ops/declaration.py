"""What a custom operator is: a name, typed columns in and out, typed arguments, documentation and a body; of three kinds."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from rtml_core.columns import DTYPES
from rtml_core.errors import PluginError, close_match, describe, listing, said

#: kinds of custom operators, the one to prefer first
KINDS: Final = ("function", "native", "python")
#: those whose nodes run code of a plugin, so that a package with one is not portable
FOREIGN: Final = ("native", "python")
#: words for the type of an argument -> what JSON makes of it; with a ? it may also be null
ARGUMENT_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "object": (dict,),
}
_DOMAIN: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_LIBRARY: Final = re.compile(r"[^\W\d]\w*:[A-Za-z0-9_][A-Za-z0-9_-]*")
#: domains of ONNX, of onnxruntime and of rtml's own pseudo operators
_RESERVED: Final = ("ai.onnx", "com.microsoft", "rtml.slots")

#: domain, name, version: what tells one custom operator from another
Key = tuple[str, str, int]


@dataclass(frozen=True)
class CustomOp:
    """A custom ONNX operator.

    domain: whose it is, lower-case words with dots ("geo", "org.example.text"); name: lower case with underscores; version: of
    its meaning, a whole number from 1 on. Change it when the same input gives another answer; versions live side by side.
    inputs, outputs: dtypes of columns (see columns.DTYPES). arguments: name -> type word ("string", "int", "float", "bool",
    "list", "object", with a ? when it may be null); they are constants of the node.

    kind, what runs in a compiled package:

    - "python", the body itself, inside of onnxruntime. body(*arrays, **arguments) gets one numpy array [N] for each input and
      the arguments by name, and returns one array [N] (a tuple of them for several outputs), row by row and always the same for
      the same row. Texts are object arrays of str, timestamps and timedeltas datetime64[us] and timedelta64[us]. N may be 0.
    - "function", an ONNX function that the body is traced into: body(xp, *columns, **arguments) is a formula over the array
      namespace, which on numpy is the reference. Portable: a package holds the function, and needs no plugin to run.
    - "native", the shared library `library`, "package:stem": it lies in the folder of that top-level package, under that name
      and a suffix of the platform, and registers the operator in the domain `onnx_domain`.
      The body, as of kind "python", is the reference that it is proved against.

    body: a function, or "module:function", imported when it first runs.

    sees_missing: False, and rows in which an input is missing never reach the body, their answer is missing; True, and the body
    gets None, NaN and NaT. gives_missing: whether the body may answer with a missing value for a row that is all there; such an
    answer is an error otherwise (but floats of a formula may be NaN). A text of the answer may be None, which is missing, as
    are NaN and NaT. unicode (kind "python"): the body asks Python's Unicode tables, so a package runs only where these are of the
    version it was compiled with.

    cases: rows to prove it on, besides those that rtml makes up (see testing.assert_custom_op): a function without parameters, or
    "module:function". It returns a list of tuples with one list of values for each input and, of an operator with arguments, a
    dict of them at the end.

    doc: what it computes, in a sentence or more.
    """

    domain: str
    name: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: str | Callable[..., Any]
    doc: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    sees_missing: bool = False
    gives_missing: bool = False
    unicode: bool = False
    kind: str = "python"
    library: str | None = None
    cases: str | Callable[[], Any] | None = None

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> Key:
        """Domain, name and version."""
        return (self.domain, self.name, self.version)

    @property
    def onnx_domain(self) -> str:
        """The domain of its node in a model: one for every operator and version, because onnxruntime-extensions breaks open
        sessions when an operator joins a domain that they use. That of a function has "f" for "v", see `domain_with`."""
        return f"{self.domain}.{self.name}.{'f' if self.kind == 'function' else 'v'}{self.version}"

    def domain_with(self, arguments: Mapping[str, Any]) -> str:
        """The domain of a node with these arguments: those of a function are part of what it is, and so of its domain."""
        if self.kind != "function" or not self.arguments:
            return self.onnx_domain
        import hashlib  # loads OpenSSL, which plugins list does not need

        return f"{self.onnx_domain}.{hashlib.sha256(self.encode(arguments).encode()).hexdigest()[:8]}"

    @property
    def portable(self) -> bool:
        """Whether a package with it runs without the plugin."""
        return self.kind not in FOREIGN

    def __str__(self) -> str:
        return f"{self.domain}:{self.name} {self.version}"

    @property
    def signature(self) -> str:
        """Inputs, arguments and outputs on one line."""
        arguments = [f"{name}={word}" for name, word in self.arguments.items()]
        return f"({', '.join([*self.inputs, *arguments])}) -> {', '.join(self.outputs)}"

    @property
    def body_name(self) -> str:
        """module:function of the body."""
        return path_of(self.body)

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The body, imported. Raises PluginError naming the operator, also for one that can't be called as it is."""
        found = _imported(self.body, f"the body of the custom operator {self}")
        self._require_parameters(found)
        return found

    def _require_parameters(self, body: Callable[..., Any]) -> None:
        given = ["xp"] if self.kind == "function" else []
        given += [f"input {position}" for position in range(len(self.inputs))]
        try:
            inspect.signature(body).bind(*given, **dict.fromkeys(self.arguments))
        except ValueError:  # some functions in C don't say what they take
            return
        except TypeError as error:
            named = "".join(f", {name}=" for name in self.arguments)
            raise PluginError(
                f"the body of the custom operator {self} ({self.body_name}) is called with ({', '.join(given)}{named}), and does"
                f" not take that: {error}"
            ) from None

    def parity_cases(self) -> list[tuple[tuple[list[Any], ...], dict[str, Any]]]:
        """The cases as columns and arguments. Raises PluginError when they can't be imported or are no cases of it."""
        if self.cases is None:
            return []
        where = f"the cases of the custom operator {self}"
        try:
            given = _imported(self.cases, where)()
        except PluginError:
            raise
        except Exception as error:  # a stranger's function may raise anything
            raise PluginError(f"{where} ({path_of(self.cases)}) failed: {said(error)}") from error
        if not isinstance(given, (list, tuple)):
            raise PluginError(f"{where} ({path_of(self.cases)}) must be a list of tuples of columns; got {describe(given)}")
        return [self._case(case, f"{where}, case {number}") for number, case in enumerate(given)]

    def _case(self, case: Any, where: str) -> tuple[tuple[list[Any], ...], dict[str, Any]]:
        wanted = f"a list of values for each of its {len(self.inputs)} inputs"
        wanted += " and a dict of arguments" if self.arguments else ""
        if not isinstance(case, (list, tuple)) or len(case) != len(self.inputs) + bool(self.arguments):
            raise PluginError(f"{where}: must be a tuple of {wanted}; got {describe(case)}")
        arguments = case[-1] if self.arguments else {}
        wrong = self.wrong_arguments(arguments)
        if wrong:
            raise PluginError(f"{where}: {wrong}")
        columns = tuple(list(column) if isinstance(column, (list, tuple)) else column for column in case[: len(self.inputs)])
        if not all(isinstance(column, list) for column in columns) or len({len(column) for column in columns}) != 1:
            raise PluginError(f"{where}: must be a tuple of {wanted}, all of one length; got {describe(case)}")
        return columns, dict(arguments)

    def check(self) -> None:
        """Raise PluginError unless the declaration is complete and makes sense; called at registration."""
        where = f"custom operator {describe(self.domain)}:{describe(self.name)}"
        if not isinstance(self.domain, str) or not _DOMAIN.fullmatch(self.domain) or self.domain.startswith(_RESERVED):
            raise PluginError(
                f'{where}: the domain must be lower-case words with dots, like "org.example.text", and none of ONNX\'s own;'
                f" got {describe(self.domain)}"
            )
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PluginError(f'{where}: the name must be lower case, like "transliterate"; got {describe(self.name)}')
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 1:
            raise PluginError(f"{where}: the version must be a whole number from 1 on; got {describe(self.version)}")
        if self.kind not in KINDS:
            raise PluginError(f"{where}: the kind must be one of {listing(KINDS)}; got {describe(self.kind)}")
        if not isinstance(self.doc, str) or not self.doc.strip():
            raise PluginError(f"{where} has no documentation; say in doc what it computes")
        usable = _PATH.fullmatch(self.body) if isinstance(self.body, str) else callable(self.body)
        if not usable:
            raise PluginError(f'{where}: the body must be a function or "module:function"; got {describe(self.body)}')
        self._check_types(where)
        self._check_kind(where)
        if not isinstance(self.body, str):
            self._require_parameters(self.body)

    def _check_kind(self, where: str) -> None:
        if self.kind == "native" and not (isinstance(self.library, str) and _LIBRARY.fullmatch(self.library)):
            raise PluginError(
                f'{where}: an operator of kind native needs library="package:stem", a top-level package and the name of the'
                f" shared library in its folder without the suffix; got {describe(self.library)}"
            )
        if self.kind != "native" and self.library is not None:
            raise PluginError(f"{where}: only an operator of kind native has a library, this one is of kind {self.kind}")
        for name in ("sees_missing", "gives_missing", "unicode"):
            if not isinstance(getattr(self, name), bool):
                raise PluginError(f"{where}: {name} must be True or False; got {describe(getattr(self, name))}")
        if self.unicode and self.kind != "python":
            raise PluginError(
                f"{where}: only an operator of kind python can depend on Python's Unicode tables (unicode=True), this one is of"
                f" kind {self.kind}"
            )
        usable = _PATH.fullmatch(self.cases) if isinstance(self.cases, str) else self.cases is None or callable(self.cases)
        if not usable:
            raise PluginError(f'{where}: cases must be a function or "module:function"; got {describe(self.cases)}')

    def _check_types(self, where: str) -> None:
        for what, dtypes in (("inputs", self.inputs), ("outputs", self.outputs)):
            if not isinstance(dtypes, tuple) or not dtypes:
                raise PluginError(f"{where}: {what} must be a tuple of at least one dtype; got {describe(dtypes)}")
            for dtype in dtypes:
                if dtype not in DTYPES:
                    hint = close_match(str(dtype), DTYPES)
                    raise PluginError(f"{where}: {what} must be dtypes ({listing(DTYPES)}); got {describe(dtype)}.{hint}")
        if not isinstance(self.arguments, Mapping):
            raise PluginError(f"{where}: arguments must be a dict of names and types; got {describe(self.arguments)}")
        for name, word in self.arguments.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise PluginError(f"{where}: an argument must have the name of a Python argument; got {describe(name)}")
            if not isinstance(word, str) or word.removesuffix("?") not in ARGUMENT_TYPES:
                raise PluginError(
                    f"{where}: the type of argument '{name}' must be one of {listing(ARGUMENT_TYPES)}, with a ? where it may be"
                    f" null; got {describe(word)}"
                )

    def wrong_arguments(self, given: Any) -> str:
        """What is wrong with the arguments of a node, in words; '' when they fit the declaration."""
        if not isinstance(given, Mapping):
            return f"its arguments must be an object; got {describe(given)}"
        for name in given:
            if name not in self.arguments:
                return f"it takes no argument '{name}'. It takes: {listing(self.arguments)}.{close_match(name, self.arguments)}"
        for name, word in self.arguments.items():
            if name not in given:
                return f"argument '{name}' is missing"
            value, base = given[name], word.removesuffix("?")
            if value is None and word.endswith("?"):
                continue
            if not isinstance(value, ARGUMENT_TYPES[base]) or (isinstance(value, bool) and base != "bool"):
                return f"argument '{name}' must be of type {word}; got {describe(value)}"
        return ""

    def encode(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as the one text attribute that the node carries: ASCII JSON, so that every float and text comes back
        exactly. Raises PluginError for arguments that do not fit the declaration."""
        wrong = self.wrong_arguments(arguments)
        if wrong:
            raise PluginError(f"custom operator {self}: {wrong}")
        try:
            return json.dumps(dict(arguments), sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise PluginError(f"custom operator {self}: its arguments must be JSON values: {error}") from None


def path_of(function: Any) -> str:
    """module:function of a function that is given as such or by that text."""
    if isinstance(function, str):
        return function
    return f"{getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', describe(function))}"


def _imported(function: str | Callable[..., Any], what: str) -> Callable[..., Any]:
    if not isinstance(function, str):
        return function
    module, _, name = function.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a stranger's module may raise anything
        raise PluginError(f"{what}, '{function}', can't be imported: {said(error)}") from error
    if not callable(found):
        raise PluginError(f"{what}, '{function}', is no function but {describe(found)}")
    return found  # type: ignore[no-any-return]
