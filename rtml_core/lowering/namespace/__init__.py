"""The array namespace of formulas: what `xp` has, on arrays and traced. See lowering.formula.

`catalogue` says what there is; `calls` binds and checks; `values` are the columns with their operators and refusals. The
`eager_*` modules are the plain reference, the `lowered_*` modules emit ONNX; neither knows of the other's ways.
"""
