"""Completion in cells: operators after `op.`, parameters and their values inside of an operator's brackets, words of `%rtml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from rtml_core import Operator, operators
from rtml_core.errors import RtmlError
from rtml_core.params import ParamInfo, describe_params
from rtml_plugins.notebook.reading import Open, Place, place

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ATTRIBUTE: Final = re.compile(r"(?<![\w.)\]])([^\W\d]\w*(?:\.[^\W\d]\w*)*)\.(\w*)$")
_WORD: Final = re.compile(r"\w*$")
#: parameters that name columns, by what they are called or say
_COLUMNS: Final = re.compile(r"\bcolumns?\b", re.IGNORECASE)
_MAGIC: Final = re.compile(r"\s*(?:[\w, ]+=\s*)?%rtml\s+(.*)$")

Found = list[tuple[str, str]]  # text, type


class Completer:
    """Matchers of one shell. words: what `%rtml` is completed with, by the words before."""

    def __init__(self, shell: InteractiveShell, words: Callable[[list[str]], Iterable[str]]):
        self._shell, self._words = shell, words

        @context_matcher(identifier="rtml", priority=100)  # IPython keeps these on the function; a method takes none
        def matcher(context: CompletionContext) -> dict[str, Any]:
            return self._match(context)

        self.matcher = matcher

    def _match(self, context: CompletionContext) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        before = "\n".join([*lines[: context.cursor_line], context.text_until_cursor])
        fragment, found, alone = self.complete(before)
        completions = [SimpleCompletion(text=text, type=kind) for text, kind in found]
        return {"completions": completions, "matched_fragment": fragment, "suppress": bool(alone and found), "ordered": True}

    def complete(self, before: str) -> tuple[str, Found, bool]:
        """What may follow `before`: (the part of it that is replaced, what it may become, whether nothing else makes sense)."""
        magic = _MAGIC.match(before.rpartition("\n")[2])
        if magic:
            return self._of_magic(magic[1])
        try:
            at = place(before)
            if at.comment:
                return "", [], False
            if at.text is None and (attribute := _ATTRIBUTE.search(before)):
                return self._of_operators(attribute[1], attribute[2])
            return self._of_call(at)
        except RtmlError:  # a plugin's parameters can't be read: `rtml plugins check` says so, a Tab does not
            return "", [], False

    def _of_magic(self, text: str) -> tuple[str, Found, bool]:
        *words, begun = text.split(" ")
        found = [(word, "magic") for word in self._words([word for word in words if word]) if word.startswith(begun)]
        return begun, found, True

    def _of_operators(self, owner: str, begun: str) -> tuple[str, Found, bool]:
        if self._value(owner) is not operators:
            return "", [], False
        return begun, [(name, "class") for name in dir(operators) if name.startswith(begun)], True

    def _value(self, name: str) -> Any:
        """What a dotted name is now: variables, and attributes of modules; nothing is called."""
        first, *rest = name.split(".")
        found = self._shell.user_ns.get(first)
        for part in rest:
            if not isinstance(found, ModuleType):
                return None
            found = getattr(found, part, None)
        return found

    # ---- inside of an operator's brackets -----------------------------------------------------------------------

    def _of_call(self, at: Place) -> tuple[str, Found, bool]:
        nested = _call_at(at.inside)
        if nested is None:
            return "", [], False
        depth, of_params = nested
        cls = self._value(at.inside[depth].before)
        if not (isinstance(cls, type) and issubclass(cls, Operator)):
            return "", [], False
        infos = {info.encode_name: info for info in describe_params(cls.Params)}
        container = at.inside[depth + 1] if of_params else at.inside[depth]
        name = container.keyword()
        inner = at.inside[depth + 2 if of_params else depth + 1 :]
        if name is None:
            return self._keys(at, container, infos) if not inner else ("", [], False)
        info = infos.get(name.removesuffix("_"))
        if info is None or any(one.bracket not in "[(" or one.before for one in inner):
            return "", [], False
        return self._values(at, cls, info, inside_list=bool(inner))

    def _keys(self, at: Place, container: Open, infos: Mapping[str, ParamInfo]) -> tuple[str, Found, bool]:
        """Parameters that are not given yet: `name=` in the call, "name" in params."""
        given = {name.removesuffix("_") for name in container.names()}
        left = [info for info in infos.values() if info.encode_name not in given]
        left.sort(key=lambda info: not info.required)
        if container.bracket == "{":
            begun = at.value() if at.text is None else at.text
            if at.text is None and begun:
                return "", [], False
            names = [info.encode_name for info in left if info.encode_name.startswith(begun)]
            return begun, [(name if at.text is not None else f'"{name}": ', "param") for name in names], True
        begun = at.value()
        if at.text is not None or not _WORD.fullmatch(begun):
            return "", [], False
        found = [f"{info.name}=" for info in left]
        found += [f"{name}=" for name in ("params", "id") if name not in given and name not in infos]
        # A word that was begun as the first argument may be a variable with params. Elsewhere only parameters make sense; other
        # matchers would put hundreds of names before them, and Jedi thinks for seconds.
        alone = not begun or len(container.parts) > 1
        return begun, [(name, "param") for name in found if name.startswith(begun)], alone

    def _values(self, at: Place, cls: type[Operator], info: ParamInfo, *, inside_list: bool) -> tuple[str, Found, bool]:
        values = list(_choices(info.type, inside_list))
        if at.text is not None:
            texts = [value for value in values if isinstance(value, str)]
            texts = texts or list(self._texts(cls, info))
            return at.text, [(text, "text") for text in texts if text.startswith(at.text)], True
        begun = at.inside[-1].parts[-1].lstrip() if inside_list else at.value()
        if not re.fullmatch(r"\w*", begun):
            return "", [], False
        return begun, [(repr(value), "value") for value in values if repr(value).startswith(begun)], False

    def _texts(self, cls: type[Operator], info: ParamInfo) -> Iterator[str]:
        """Texts that a parameter without choices takes: methods of pandas, columns of frames that are here."""
        if cls.name == "Pandas" and info.encode_name == "import":
            from rtml_plugins.pandas_ops.methods import compiled_methods

            yield from compiled_methods()
        elif _COLUMNS.search(f"{info.text} {info.expected}"):
            yield from self._columns()

    def _columns(self) -> list[str]:
        """Names of the columns of all frames in the notebook, each once."""
        import pandas as pd

        frames = [value for name, value in self._shell.user_ns.items() if isinstance(value, pd.DataFrame) and name[:1] != "_"]
        return list(dict.fromkeys(column for frame in frames for column in frame.columns if isinstance(column, str)))


def _call_at(inside: list[Open]) -> tuple[int, bool] | None:
    """The innermost call of a name that the cursor is in: (its depth, whether the cursor is in its dict of params)."""
    for depth in range(len(inside) - 1, -1, -1):
        if inside[depth].bracket == "(" and inside[depth].before:
            inner = inside[depth + 1 : depth + 2]
            positional = len(inside[depth].parts) == 1 and inside[depth].keyword() is None
            of_params = bool(inner and inner[0].bracket == "{" and (positional or inside[depth].keyword() == "params"))
            return depth, of_params
    return None


def _choices(annotation: Any, inside_list: bool) -> Iterator[Any]:
    """The values that a type names: those of Literal, true and false, None; of a list's items inside of a list."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _choices(args[0], inside_list)
    elif origin is Union or type(annotation).__name__ == "UnionType":
        for arg in args:
            yield from _choices(arg, inside_list)
    elif origin in (list, tuple) and inside_list:
        for arg in args:
            yield from _choices(arg, False)
    elif inside_list:
        return
    elif origin is Literal:
        yield from args
    elif annotation is bool:
        yield from (True, False)
    elif annotation is type(None):
        yield None
