"""Random Python functions over seven columns, mostly well typed: sources to compare Python with its compiled form."""

from __future__ import annotations

import random
from collections.abc import Callable

FLOATS = ["0.0", "1.0", "0.5", "2.5", "-1.5", "18.0", "1e16", "9007199254740993.0", "1e300"]
WHOLE = ["0", "1", "2", "3", "-1", "7", "18", "65", "9007199254740993", "-3"]
TEXTS = ["'a'", "'VW'", "''", "'vw'", "'straße'", "'-'", "'b'", "'ß'", "'Audi'", "' '", "'x'"]
#: name -> dtype and kind: F a float, I a whole number, B a boolean, S a text
COLUMNS = {
    "a": ("float64?", "F"),
    "b": ("float64", "F"),
    "n": ("int64", "I"),
    "m": ("int64", "I"),
    "p": ("bool?", "B"),
    "s": ("string?", "S"),
    "t": ("string", "S"),
}


class Writer:
    """Writes expressions and statements from one source of chance."""

    def __init__(self, chance: random.Random):
        self.r = chance
        self.names: dict[str, str] = {}
        self.helpers: list[tuple[str, str, list[str]]] = []

    def function(self) -> str:
        """The source of a module with a function `f` of COLUMNS, and helpers that it may call."""
        lines = ["import math"]
        for number in range(self.r.randrange(3)):
            kind, kinds = self.r.choice("FIBS"), [self.r.choice("FIBS") for _ in range(self.r.randrange(1, 3))]
            args = {f"x{place}{inner}": inner for place, inner in enumerate(kinds)}
            lines += self._def(f"h{number}", args, kind, 1)
            self.helpers.append((f"h{number}", kind, kinds))
        args = {name: kind for name, (_, kind) in COLUMNS.items()}
        return "\n".join([*lines, *self._def("f", args, self.r.choice("FIBS"), 2)]) + "\n"

    def _def(self, name: str, args: dict[str, str], kind: str, depth: int) -> list[str]:
        self.names = dict(args)
        body = [*self.block(depth, kind), f"return {self.answer(kind)}"]
        return [f"def {name}({', '.join(args)}):", *(f"    {line}" for line in body)]

    def answer(self, kind: str) -> str:
        chance = self.r.random()
        if chance < 0.3 and self.names:  # as people write it: what is missing stays missing
            return f"None if {self.r.choice(list(self.names))} is None else {self.expression(kind, 4)}"
        return "None" if chance > 0.93 else self.expression(kind, 4)

    def block(self, depth: int, kind: str) -> list[str]:
        lines: list[str] = []
        for _ in range(self.r.randrange(1, 4)):
            chance = self.r.random()
            if chance < 0.35:
                own = self.r.choice("FIBS")
                name = self.r.choice("uvw") + own
                lines.append(f"{name} = {self.expression(own, 3)}")
                self.names[name] = own
            elif chance < 0.45:
                names = [name for name, own in self.names.items() if own in "FI" and len(name) == 2]
                if names:
                    name = self.r.choice(names)
                    lines.append(f"{name} {self.r.choice('+-*')}= {self.expression(self.names[name], 2)}")
            elif chance < 0.75 and depth:
                lines += self._if(depth, kind)
            elif chance < 0.8 and depth:
                saved = dict(self.names)
                self.names["q"] = "I"
                lines += ["for q in (1, 2, 3):", *(f"    {line}" for line in self.block(depth - 1, kind))]
                self.names = saved
            elif chance < 0.9:
                return [*lines, f"return {self.answer(kind)}"]
            elif chance < 0.93:
                return [*lines, "raise ValueError('no')"]
            elif chance < 0.96:
                lines.append(f"assert {self.expression('B', 2)}")
        return lines or ["pass"]

    def _if(self, depth: int, kind: str) -> list[str]:
        before = dict(self.names)
        lines = [f"if {self.expression('B', 3)}:", *(f"    {line}" for line in self.block(depth - 1, kind))]
        one, self.names = self.names, dict(before)
        if self.r.random() < 0.6:
            lines += ["else:", *(f"    {line}" for line in self.block(depth - 1, kind))]
        # now and then a variable that only one branch assigns is used afterwards
        both = {name: own for name, own in self.names.items() if name in one}
        self.names = both if self.r.random() < 0.9 else {**one, **self.names}
        return lines

    def expression(self, kind: str, depth: int) -> str:
        if kind == "?":
            kind = self.r.choice("FIBS")
        chance = self.r.random()
        if depth <= 0 or chance < 0.15:
            return self._leaf(kind)
        if chance < 0.27:
            test = self.expression("B", depth - 1)
            return f"({self.expression(kind, depth - 1)} if {test} else {self.expression(kind, depth - 1)})"
        if chance < 0.30:
            return f"({self.expression(kind, depth - 1)} {self.r.choice(['and', 'or'])} {self.expression(kind, depth - 1)})"
        fitting = [helper for helper in self.helpers if helper[1] == kind]
        if chance < 0.38 and fitting:
            name, _, kinds = self.r.choice(fitting)
            return f"{name}({', '.join(self.expression(inner, depth - 1) for inner in kinds)})"
        return self.r.choice({"F": _FLOATS, "I": _WHOLE, "S": _TEXTS, "B": _TRUTHS}[kind])(self, depth - 1)

    def _leaf(self, kind: str) -> str:
        odd = kind in "SB" and self.r.random() < 0.1
        names = [name for name, own in self.names.items() if own == kind or (kind == "F" and own == "I") or odd]
        if names and self.r.random() < 0.75:
            return self.r.choice(names)
        return self.r.choice({"F": FLOATS, "I": WHOLE, "S": TEXTS, "B": ["True", "False"]}[kind])

    def table(self, values: list[str]) -> str:
        return "{" + ", ".join(f"{key}: {self.r.choice(values)}" for key in self.r.sample(TEXTS, 3)) + "}"


Form = Callable[[Writer, int], str]


def _form(template: str) -> Form:
    """A template in which F, I, B, S and ? in angle brackets stand for expressions, |...| for a choice."""

    def write(w: Writer, depth: int) -> str:
        pieces = template.split("|")
        text = "".join(w.r.choice(piece.split(";")) if place % 2 else piece for place, piece in enumerate(pieces))
        while "<" in text and ">" in text[text.index("<") : text.index("<") + 3]:
            at = text.index("<")
            text = text[:at] + w.expression(text[at + 1], depth).replace("<", "\0") + text[at + 3 :]
        return text.replace("\0", "<")

    return write


def _table(values: list[str], kind: str) -> Form:
    def write(w: Writer, depth: int) -> str:
        table, key = w.table(values), w.expression("S", depth)
        return w.r.choice([f"{table}[{key}]", f"{table}.get({key}, {w.expression(kind, depth)})", f"{table}.get({key})"])

    return write


def _joined(w: Writer, _: int) -> str:
    """An f-string of a variable (before Python 3.12 it holds no quotes of its own)."""
    names = [name for name, kind in w.names.items() if kind in "IBS"]
    return f"f'{{{w.r.choice(names)}}}_x'" if names else "'x'"


_ARITHMETIC = [_form("(<I> |+;-;*| <I>)"), _form("(<I> |+;-| <I>)")]
_WHOLE: list[Form] = [
    *_ARITHMETIC, _form("(<I> |//;%| <I>)"), _form("|min;max|(<I>, <I>)"), _form("abs(<I>)"), _form("(-<I>)"), _form("len(<S>)"),
    _form("int(<F>)"), _form("int(<B>)"), _form("round(<F>)"), _form("math.|floor;ceil|(<F>)"), _form("(<I> ** |0;1;2;3;5|)"),
    _table(WHOLE, "I"), _form("sum((1 if q > <F> else 0) for q in (1, 2.5, 18))"), _form("(<I>, <I>)[|0;1;-1|]"),
]  # fmt: skip
_FLOATS: list[Form] = [
    _form("(<F> |+;-;*| <F>)"), _form("(<F> |+;-;*| <I>)"), _form("(<F> / <F>)"), _form("(<I> / <I>)"), _form("(<F> |//;%| <F>)"),
    _form("|min;max|(<F>, <I>)"), _form("abs(<F>)"), _form("round(<F>, |0;1;2;3|)"), _form("float(<I>)"), _form("math.sqrt(<F>)"),
    _form("(1.5, 2.5, 4.0)[<I>]"), _table(FLOATS, "F"),
]  # fmt: skip
_TEXTS: list[Form] = [
    _form("(<S> + <S>)"), _form("<S>.|lower;upper;strip;lstrip;rstrip|()"), _form("<S>.replace(|'a';'VW';'-'|, |'';'ß';'x'|)"),
    _form("<S>[|0;1;-1;:2;1:;-2:;:-1;1:3|]"), _form("<S>.split('-')[|0;1;-1;2|]"), _form("str(<I>)"), _form("str(<B>)"),
    _joined, _form("<S>.|removeprefix;removesuffix|(|'a';'VW';'-'|)"), _form("<S>.|zfill(4);rjust(3);ljust(3)|"),
    _table(TEXTS, "S"), _form("{1: 'a', 2.0: 'b', True: 'c', None: 'd'}.get(<?>, 'z')"),
]  # fmt: skip
_TRUTHS: list[Form] = [
    _form("(<F> |==;!=;\0;\0=;>;>=| <F>)"), _form("(<I> |==;!=;\0;\0=;>;>=| <F>)"), _form("(<I> |==;!=;\0;\0=;>;>=| <I>)"),
    _form("(<F> |\0;\0=| <I> |\0;==| <F>)"), _form("(<B> |and;or| <B>)"), _form("(not <?>)"), _form("(<S> |==;!=| <S>)"),
    _form("(<?> |in;not in| ('a', 1, 2.5, None, 'VW', 18))"), _form("(|'a';'ß';'-'| in <S>)"), _form("(<?> is |;not |None)"),
    _form("<S>.|isdigit();isalpha();startswith('a');endswith('ß')|"), _form("any(w in <S> for w in ('a', 'ß', 'V'))"),
    _form("all(q \0 <F> for q in (0, 1, 2.5))"), _form("isinstance(<?>, (str, int))"), _form("bool(<?>)"), _form("(<?> == <?>)"),
    _form("math.isnan(<F>)"),
]  # fmt: skip
