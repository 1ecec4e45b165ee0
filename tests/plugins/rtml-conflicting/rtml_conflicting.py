"""Two plugins: one brings an operator, the other a custom operator, which rtml has already."""

from typing import Annotated

from rtml_core import CustomOp, Operator, Params, doc, hookimpl

rtml_plugin_api = 1


class Scaler(Operator):
    """Divide float columns by a number; in place, missing stays missing."""

    class Params(Params):
        cols: Annotated[list[str], doc("columns to divide")]
        by: Annotated[float, doc("what to divide by")] = 4.0

    def columns(self):
        return self.params.cols

    def compute(self, xp, *columns):
        return {name: column / self.params.by for name, column in zip(self.params.cols, columns, strict=True)}


@hookimpl
def rtml_operators():
    return [Scaler]


class OperatorsOfOnnx:
    """The other plugin; any object with hooks is one."""

    rtml_plugin_api = 1

    @staticmethod
    @hookimpl
    def rtml_custom_ops():
        title = CustomOp("rtml.pandas", "title", 1, ("string",), ("string",), "builtins:len", "Another title case.")
        return [title]


operators_of_onnx = OperatorsOfOnnx()
