"""What a custom operator is: a name, typed columns in and out, typed arguments, documentation and a body."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from rtml_core.columns import DTYPES
from rtml_core.errors import PluginError, close_match, describe, listing

#: kinds of custom operators that this rtml builds and loads
KINDS: Final = ("python",)
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
#: domains of ONNX, of onnxruntime and of rtml's own pseudo operators
_RESERVED: Final = ("ai.onnx", "com.microsoft", "rtml.slots")

#: domain, name, version: what tells one custom operator from another
Key = tuple[str, str, int]


@dataclass(frozen=True)
class CustomOp:
    """A custom ONNX operator with a Python body.

    domain: whose it is, lower-case words with dots ("geo", "org.example.text"); name: lower case with underscores; version: of
    its meaning, a whole number from 1 on. Change it when the same input gives another answer; versions live side by side.
    inputs, outputs: dtypes of columns (see columns.DTYPES). arguments: name -> type word ("string", "int", "float", "bool",
    "list", "object", with a ? when it may be null); they are constants of the node.

    body: a function, or "module:function", imported when it first runs. It gets one numpy array [N] for each input and the
    arguments by name, and returns one array [N] (a tuple of them for several outputs), row by row and always the same for
    the same row. Texts are object arrays of str, timestamps and timedeltas datetime64[us] and timedelta64[us]. A text of the
    answer may be None, which is missing, as are NaN and NaT. N may be 0.

    sees_missing: False, and rows in which an input is missing never reach the body, their answer is missing; True, and the body
    gets None, NaN and NaT. gives_missing: whether the body may answer with a missing value for a row that is all there; such an
    answer is an error otherwise. unicode: the body asks Python's Unicode tables, so a package runs only where these are of the
    version it was compiled with.

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

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> Key:
        """Domain, name and version."""
        return (self.domain, self.name, self.version)

    @property
    def onnx_domain(self) -> str:
        """The domain of its node in a model: one for every operator and version, because onnxruntime-extensions breaks open
        sessions when an operator joins a domain that they use."""
        return f"{self.domain}.{self.name}.v{self.version}"

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
        if isinstance(self.body, str):
            return self.body
        return f"{getattr(self.body, '__module__', '?')}:{getattr(self.body, '__qualname__', describe(self.body))}"

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The body, imported. Raises PluginError naming the operator."""
        if not isinstance(self.body, str):
            return self.body
        module, _, name = self.body.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except Exception as error:  # a stranger's module may raise anything
            raise PluginError(
                f"the body of the custom operator {self}, '{self.body}', can't be imported: {type(error).__name__}: {error}"
            ) from error
        if not callable(found):
            raise PluginError(f"the body of the custom operator {self}, '{self.body}', is no function but {describe(found)}")
        return found  # type: ignore[no-any-return]

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
