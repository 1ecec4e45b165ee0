"""Functions of numpy and of the array API standard that formulas leave out: why, and what is closest."""

from __future__ import annotations

from typing import Final

_ROWS: Final = "it needs other rows of the column, and a formula sees one row"
#: functions of numpy and of the array API standard that are left out -> why, and what is closest
REFUSED: Final = {
    **dict.fromkeys(
        ("sum", "prod", "mean", "std", "var", "median", "max", "min", "amax", "amin", "argmax", "argmin", "sort", "argsort",
         "unique",
         "unique_all", "unique_values", "unique_counts", "unique_inverse", "cumsum", "cumulative_sum", "cumulative_prod",
         "cumprod",
         "diff", "any", "all", "count_nonzero", "nansum", "nanmean", "nanmax", "nanmin", "percentile", "quantile", "histogram",
         "nonzero", "roll", "flip", "take", "take_along_axis", "gradient", "convolve", "cov", "corrcoef"),
        f"{_ROWS}; learn such a number in fit, and write sums and maxima of few columns as x + y or xp.maximum(x, y)",
    ),
    **dict.fromkeys(
        ("array", "asarray", "arange", "linspace", "zeros", "ones", "full", "empty", "empty_like", "eye", "meshgrid",
         "from_dlpack",
         "tril", "triu"),
        "it makes an array; write constants as Python numbers, they meet every row (xp.full_like(x, value) for a whole column)",
    ),
    **dict.fromkeys(
        ("reshape", "squeeze", "expand_dims", "stack", "hstack", "vstack", "broadcast_to", "broadcast_arrays", "permute_dims",
         "moveaxis", "tile", "repeat", "unstack", "split", "matrix_transpose", "transpose"),
        "columns have no other shape; return several columns in the object that compute gives back",
    ),
    **dict.fromkeys(
        ("matmul", "dot", "tensordot", "vecdot", "inner", "outer", "einsum"),
        "it multiplies matrices; write a sum of products, x * 2.0 + y * 3.0, or use the operator NumpyArrays",
    ),
    **dict.fromkeys(
        ("bitwise_left_shift", "bitwise_right_shift", "left_shift", "right_shift"),
        "ONNX shifts unsigned numbers only; use x * 2**n, or x // 2**n, with whole numbers",
    ),
    **dict.fromkeys(("conj", "real", "imag", "angle", "iscomplex", "isreal"), "there are no complex numbers here; leave it out"),
    "cbrt": "ONNX has no exact one; use xp.copysign(xp.abs(x) ** (1 / 3), x)",
    "nextafter": "ONNX can't take a float apart; add a small number of your choice",
    "frexp": "ONNX can't take a float apart; use xp.floor(xp.log2(x))",
    "ldexp": "use x * 2.0 ** n",
    "fmod": "use xp.trunc(x / y), or x % y, which has the sign of y",
    "divmod": "use x // y and x % y",
    "modf": "use xp.trunc(x) and x - xp.trunc(x)",
    "heaviside": "use xp.where(x < 0, 0.0, xp.where(x == 0, value, 1.0))",
    "logaddexp2": "use xp.log2(xp.exp2(x) + xp.exp2(y))",
    "sinc": "use xp.where(x == 0, 1.0, xp.sin(xp.pi * x) / (xp.pi * x))",
    "gcd": "it loops over the digits of its operands",
    "lcm": "it loops over the digits of its operands",
    "spacing": "ONNX can't take a float apart",
    "isclose": "use xp.abs(x - y) <= tolerance",
    "allclose": "use xp.abs(x - y) <= tolerance",
    "choose": "use xp.select(conditions, values, default)",
    "piecewise": "use xp.select(conditions, values, default)",
    "vectorize": "it calls Python row by row; write the function's steps with xp functions",
    "random": "an answer must be the same for the same row; draw outside of the graph",
    "fillna": "use xp.fill_missing(x, value)",
    "isna": "use xp.is_missing(x)",
    "isnull": "use xp.is_missing(x)",
    "notna": "use ~xp.is_missing(x)",
    "len": "for the length of a text use xp.strings.length(x)",
    "cut": "use xp.digitize(x, edges)",
    "map": "use xp.lookup(x, {key: value}, default)",
    "case": "use xp.select(conditions, values, default)",
    "if_else": "use xp.where(condition, yes, no)",
    "linalg": "it multiplies matrices; write a sum of products, or use the operator NumpyArrays",
    "fft": "it needs other rows of the column, and a formula sees one row",
}  # fmt: skip
