"""A plugin that takes long to import, as if it imported something large. It works."""

import time
from typing import Annotated

from rtml_core import CustomOp, Operator, Params, doc, hookimpl

time.sleep(0.15)

rtml_plugin_api = 1

SHOUT = CustomOp("slow", "shout", 1, ("string",), ("string",), "rtml_slow_bodies:shout", "Texts in upper case, with a mark.")


class Halve(Operator):
    """Half of a float column, in place; missing stays missing."""

    class Params(Params):
        col: Annotated[str, doc("column to halve")]

    def columns(self):
        return [self.params.col]

    def compute(self, xp, column):
        return {self.params.col: column / 2}


class Shout(Operator):
    """Texts in upper case with a mark behind; missing in, missing out."""

    lowering_kind = "python"

    class Params(Params):
        col: Annotated[str, doc("column of texts")]

    def transform(self, frame):
        return frame.assign(**{self.params.col: frame[self.params.col].str.upper() + "!"})

    def lower(self, b, columns):
        from rtml_core.lowering.custom import custom

        return {**columns, self.params.col: custom(b, SHOUT, columns[self.params.col])[0]}


@hookimpl
def rtml_operators():
    return [Halve, Shout]


@hookimpl
def rtml_custom_ops():
    return [SHOUT]
