"""Operators that answer as they should, but for rows that say how they shall break."""

from typing import Annotated

from rtml_core import CustomOp, Operator, Params, doc, hookimpl

rtml_plugin_api = 1

BODIES = "rtml_breaking_bodies"
TEXTS = CustomOp(
    "breaking", "texts", 1, ("string",), ("string",), f"{BODIES}:texts", "Texts with marks behind them.", {"marks": "list"}
)
NUMBERS = CustomOp("breaking", "numbers", 1, ("float64",), ("float64",), f"{BODIES}:numbers", "Twice a number.")
PAIR = CustomOp("breaking", "pair", 1, ("string",), ("string", "float64"), f"{BODIES}:pair", "A text again, and its length.")
OUTER = CustomOp("breaking", "outer", 1, ("string",), ("string",), f"{BODIES}:outer", "What another package says of a text.")


class Break(Operator):
    """Column s with marks behind it, x twice, and the length of s as n; missing in, missing out."""

    lowering_kind = "python"

    def transform(self, frame):
        return frame.assign(s=frame["s"] + "!?", x=frame["x"] * 2, n=frame["s"].str.len().astype("float64"))

    def lower(self, b, columns):
        from rtml_core.lowering.custom import custom

        text, length = custom(b, PAIR, columns["s"])
        (marked,) = custom(b, TEXTS, text, marks=["!", "?"])
        (twice,) = custom(b, NUMBERS, columns["x"])
        return {**columns, "s": marked, "x": twice, "n": length}


class Mark(Operator):
    """Column s with marks behind it, and nothing else; missing in, missing out."""

    lowering_kind = "python"

    def transform(self, frame):
        return frame.assign(s=frame["s"] + "!?")

    def lower(self, b, columns):
        from rtml_core.lowering.custom import custom

        return {**columns, "s": custom(b, TEXTS, columns["s"], marks=["!", "?"])[0]}


class Outer(Operator):
    """Column s as another package has it, which the body loads and scores; missing in, missing out."""

    lowering_kind = "python"

    class Params(Params):
        suffix: Annotated[str, doc("what the eager form puts behind, for want of the package")] = "!?"

    def transform(self, frame):
        return frame.assign(s=frame["s"] + self.params.suffix)

    def lower(self, b, columns):
        from rtml_core.lowering.custom import custom

        return {**columns, "s": custom(b, OUTER, columns["s"])[0]}


@hookimpl
def rtml_operators():
    return [Break, Mark, Outer]


@hookimpl
def rtml_custom_ops():
    return [TEXTS, NUMBERS, PAIR, OUTER]
