"""The accessors .str, .dt and .cat of recorded columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rtml_core.errors import close_match
from rtml_plugins.recording.arguments import is_column, plain
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Form, Method
from rtml_plugins.recording.methods import bound, coded, generic, recorded, refuse_method, same
from rtml_plugins.recording.values import Name

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn


def accessor(column: RecordedColumn, name: str) -> Any:
    """The accessor; raises AttributeError, as pandas does, where the column has not the kind for it."""
    getattr(column._native, name)  # pandas says what the column would have to be
    return {"str": Texts, "dt": Times, "cat": Categories}[name](column)


class Accessor:
    """What .str, .dt and .cat have in common."""

    _name = ""
    __slots__ = ("_column",)

    def __init__(self, column: RecordedColumn):
        self._column = column

    def __dir__(self) -> list[str]:
        return [name for name in dir(getattr(self._column._native, self._name)) if not name.startswith("_")]

    def __getattr__(self, member: str) -> Any:
        if member.startswith("_"):
            raise AttributeError(member)
        owner = getattr(self._column._native, self._name)
        if not hasattr(owner, member):
            raise AttributeError(f".{self._name} has no attribute '{member}'.{close_match(member, dir(owner))}")
        name = f"{self._name}.{member}"
        if not callable(getattr(owner, member)):
            return self._attribute(owner, name, member)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(owner, name, member, args, kwargs)

        return call

    def _attribute(self, owner: Any, name: str, member: str) -> Any:
        return generic(self._column, name, owner, member, (), {})

    def _call(self, owner: Any, name: str, member: str, args: tuple[Any, ...], kwargs: Any) -> Any:
        return generic(self._column, name, owner, member, args, kwargs)


class Texts(Accessor):
    """.str"""

    __slots__ = ()
    _name = "str"

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self.slice(key.start, key.stop, key.step)
        return self.get(key)

    def _call(self, owner: Any, name: str, member: str, args: tuple[Any, ...], kwargs: Any) -> Any:
        if member in ("split", "rsplit"):
            given = bound(getattr(owner, member), args, kwargs)
            parts = Parts(self._column, member, given)
            return parts.expanded() if given.get("expand", False) else parts
        if member == "cat":
            return self._joined(owner, args, kwargs)
        return super()._call(owner, name, member, args, kwargs)

    def _joined(self, owner: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        given = bound(owner.cat, args, kwargs)
        others = given.get("others")
        others = others if isinstance(others, (list, tuple)) else [others]
        if not all(is_column(other) for other in others):
            refuse("'str.cat' joins columns of t; texts are joined with +, and a whole column into one text is no column")
        native = owner.cat(**{**given, "others": [other._native for other in others]})
        kwargs = {**{key: plain(value) for key, value in given.items()}, "others": [Name(other._value) for other in others]}
        return recorded(self._column, "str.cat", [Method("str.cat", self._column._value, kwargs)], native)


class Parts:
    """What .str.split gives: lists, of which a graph holds the parts that are asked for."""

    __slots__ = ("_arguments", "_column", "_member")

    def __init__(self, column: RecordedColumn, member: str, arguments: dict[str, Any]):
        self._column = column
        self._member = member
        self._arguments = arguments

    def get(self, place: int) -> Any:
        """One part."""
        return self[place]

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, bool) or not isinstance(place, int):
            refuse("of the parts of a text one can be recorded at a time: .str.split(...).str[0]")
        native = getattr(self._column._native.str, self._member)(**self._arguments).str[place]
        limit = self._arguments.get("n", -1) or -1
        forward = self._member == "split"
        if (place >= 0 and not forward) or (place < 0 and ((forward and limit > 0) or place != -1)):
            refuse(
                f"part {place} counted from the other end can't be recorded; take .str.split(...).str[0] and the like from the"
                " front, or .str.split(...).str[-1] for the last one"
            )
        if place < 0:
            pattern = self._arguments.get("pat")
            if self._is_pattern() and set(str(pattern)) & set(".^$*+?{}[]\\|()"):
                refuse("the last part behind a regular expression can't be recorded; use .str.extract with a pattern of the end")
            return self._last(native)
        count = place + 1 if limit < 0 else min(limit, place + 1)
        if place > count:
            refuse(f"there is no part {place} with n={limit}")
        return self._picked("str.split", count, place, native)

    def expanded(self) -> Any:
        """expand=True: as many columns as the training frame has parts; those of a longer text are cut off behind the last."""
        from rtml_plugins.recording.frame import RecordedFrame

        native = getattr(self._column._native.str, self._member)(**self._arguments)
        if self._member != "split" and (self._arguments.get("n", -1) or -1) < 0:
            refuse("'str.rsplit' with expand=True needs n, the number of splits: else its columns would depend on the rows")
        count = self._arguments.get("n", -1) or -1
        _, made = self._expanded(f"str.{self._member}", count if count > 0 else native.shape[1])
        return RecordedFrame._of(native, dict(zip(native.columns, made, strict=False)), self._column._tape)

    def _expanded(self, name: str, count: int) -> tuple[Any, list[Any]]:
        arguments = {**self._arguments, "n": count, "expand": True}
        if name == "str.rsplit":
            arguments.pop("regex", None)
        frame = getattr(self._column._native.str, name.partition(".")[2])(**arguments)
        frame = frame.reindex(columns=range(count + 1)).astype(frame[0].dtype if 0 in frame else "str")
        hint = f"{self._column._value.shown}_part"
        made = self._column._tape.record(
            name, [Method(name, self._column._value, arguments)], [frame[part] for part in range(count + 1)], hint=hint
        )
        return frame, made

    def _picked(self, name: str, count: int, place: int, native: Any) -> Any:
        _, made = self._expanded(name, count)
        return type(self._column)(native, made[place], self._column._tape)

    def _last(self, native: Any) -> Any:
        frame, made = self._expanded("str.rsplit", 1)
        found = frame[1].fillna(frame[0])
        from rtml_plugins.recording.values import ColumnOf

        forms: list[Form] = [Method("combine_first", made[1], {"other": ColumnOf(made[0])})]
        (last,) = self._column._tape.record("combine_first", forms, [found], hint=f"{self._column._value.shown}_last")
        return type(self._column)(native, last, self._column._tape)

    def len(self) -> Any:
        """How many parts there are."""
        pattern = self._arguments.get("pat")
        if self._arguments.get("n", -1) not in (-1, 0, None):
            refuse("the number of parts can be recorded of a plain .str.split(text); else use .str.count(pattern)")
        if pattern is None:
            return self._column.str.count(r"\S+")
        return self._column.str.count(pattern if self._is_pattern() else re.escape(pattern)) + 1

    def _is_pattern(self) -> bool:
        """Whether pandas reads what it splits at as a regular expression: it does with more than one character."""
        pattern, regex = self._arguments.get("pat"), self._arguments.get("regex")
        return self._member == "split" and pattern is not None and (regex is True or (regex is None and len(pattern) > 1))

    def __getattr__(self, name: str) -> Any:
        if name == "str":  # of a list of parts: [0], .get(0), .len()
            return self
        refuse(
            f"a column of lists is no column of a graph, so '.{name}' can't be recorded; take one part, .str.split(...).str[0]"
        )


class Times(Accessor):
    """.dt"""

    __slots__ = ()
    _name = "dt"

    def _check_zone(self) -> None:
        zone = getattr(self._column._native.dtype, "tz", None)
        if zone is not None and str(zone) not in ("UTC", "utc"):
            refuse(
                f"the column is in the time zone {zone}, and timestamps of a request are UTC: parts of local time can't be"
                " recorded. Take .dt.tz_convert('UTC') first, or bring the local hour as a field"
            )

    def _attribute(self, owner: Any, name: str, member: str) -> Any:
        if member in ("tz", "unit", "freq"):
            return getattr(owner, member)
        self._check_zone()
        return super()._attribute(owner, name, member)

    def _call(self, owner: Any, name: str, member: str, args: tuple[Any, ...], kwargs: Any) -> Any:
        zone = args[0] if args else kwargs.get("tz")
        if member in ("tz_localize", "tz_convert") and (zone is None or str(zone).upper() == "UTC"):
            if member == "tz_localize":
                self._check_zone()
            return same(self._column, getattr(owner, member)(*args, **kwargs))
        if member == "as_unit":
            return same(self._column, owner.as_unit(*args, **kwargs))
        if member not in ("tz_localize", "tz_convert"):
            self._check_zone()
        return super()._call(owner, name, member, args, kwargs)


class Categories(Accessor):
    """.cat"""

    __slots__ = ()
    _name = "cat"

    def _attribute(self, owner: Any, name: str, member: str) -> Any:
        if member == "codes":
            self._column._tape.constant(f"{self._column._value.shown}.cat.categories", list(owner.categories))
            table = {plain(value): code for code, value in enumerate(owner.categories)}
            return coded(self._column, table, owner.codes)
        if member in ("categories", "ordered"):
            return getattr(owner, member)
        refuse_method(name)

    def _call(self, owner: Any, name: str, member: str, args: tuple[Any, ...], kwargs: Any) -> Any:
        if member in ("as_ordered", "as_unordered", "remove_unused_categories", "add_categories", "reorder_categories"):
            return same(self._column, getattr(owner, member)(*args, **kwargs))
        refuse_method(name)
