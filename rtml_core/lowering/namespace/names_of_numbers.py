"""Functions of numbers, conditions and of columns of any dtype: name, parameters, doc, examples; "near" where the last digits
may differ from numpy's.

In examples x, y are floats, n, m whole numbers, p, q booleans, s, u texts, t, v timestamps, d a timedelta.
"""

from __future__ import annotations

from typing import Final

Row = tuple[str, ...]

NUMBERS: Final[tuple[Row, ...]] = (
    # ---- arithmetic
    (
        "add",
        "one:term, two:term",
        "`one + two`; texts are joined, a time moves by a timedelta.",
        "x + y; n + m; n + 1; p + q; p + 2; s + u; t + d; x + n; d + d; '-' + s",
    ),
    (
        "subtract",
        "one:term, two:term",
        "`one - two`; of two times a timedelta.",
        "x - y; n - m; t - v; t - d; 1 - n; d - d; 0.5 - x",
    ),
    (
        "multiply",
        "one:factor, two:factor",
        "`one * two`; a timedelta by a whole number.",
        "x * y; n * m; p * q; d * 3; x * n; p * 2.5",
    ),
    (
        "divide",
        "one:factor, two:factor",
        "`one / two` in floats, infinite or NaN by 0; of timedeltas their quotient.",
        "x / y; n / m; 1 / x; d / d; p / q; x / 3.0",
    ),
    (
        "floor_divide",
        "one:number, two:number",
        "`one // two`, rounded down as in Python; whole numbers by 0 give 0, as in numpy.",
        "n // 7; x // y; n // m; n // 0; x // 0.3; n // -1; p // 2; n // 2.5",
    ),
    (
        "remainder",
        "one:number, two:number",
        "`one % two`, with the sign of `two` as in Python; whole numbers by 0 give 0, as in numpy.",
        "n % 7; x % y; n % m; n % 0; x % 0.3; n % -3; x % -2.0; n % 2.5",
    ),
    (
        "pow",
        "one:number, two:number",
        "`one ** two`. Whole numbers take a constant exponent from 0 to 64, and wrap as in numpy.",
        "x ** 2; x ** y; n ** 3; 2.0 ** x; x ** 0.5; x ** -1; n ** 0; n ** 0.5; x ** 3",
        "near",
    ),
    ("negative", "x:factor", "`-x`", "-x; -n; -d"),
    ("positive", "x:factor", "`+x`", "+x; +n"),
    ("abs", "x:factor", "Without the sign; the smallest int64 stays what it is.", "xp.abs(x); abs(n); xp.abs(d); xp.abs(p)"),
    ("sign", "x:number", "-1, 0 or 1; NaN stays.", "xp.sign(x); xp.sign(n)"),
    ("square", "x:number", "`x * x`", "xp.square(x); xp.square(n)"),
    ("sqrt", "x:number", "Square root; NaN below 0.", "xp.sqrt(x); xp.sqrt(n)"),
    ("reciprocal", "x:number", "`1 / x` in floats.", "xp.reciprocal(x)"),
    ("hypot", "one:number, two:number", "Length of the hypotenuse, without overflow on the way.", "xp.hypot(x, y)", "near"),
    (
        "maximum",
        "one:factor, two:factor",
        "The larger of two; NaN if one is.",
        "xp.maximum(x, y); xp.maximum(n, m); xp.maximum(x, 0.0); xp.maximum(p, q)",
    ),
    (
        "minimum",
        "one:factor, two:factor",
        "The smaller of two; NaN if one is.",
        "xp.minimum(x, y); xp.minimum(n, 3); xp.minimum(d, d)",
    ),
    (
        "fmax",
        "one:number, two:number",
        "The larger of two; NaN only if both are.",
        "xp.fmax(x, y); xp.fmax(x, 0.0); xp.fmax(n, m)",
    ),
    ("fmin", "one:number, two:number", "The smaller of two; NaN only if both are.", "xp.fmin(x, y); xp.fmin(n, m)"),
    (
        "clip",
        "x:number, min:number=None, max:number=None",
        "`minimum(maximum(x, min), max)`; a bound of None is none.",
        "xp.clip(x, 0.0, 1.0); xp.clip(n, 0); xp.clip(x, y, 5.0); xp.clip(x, max=2.0); xp.clip(n, max=3)",
    ),
    # ---- powers and logarithms
    ("exp", "x:number", "e to the power of x.", "xp.exp(x); xp.exp(n)", "near"),
    ("exp2", "x:number", "2 to the power of x.", "xp.exp2(x)", "near"),
    ("expm1", "x:number", "`exp(x) - 1`, exact for small x.", "xp.expm1(x)", "near"),
    ("log", "x:number", "Natural logarithm; -inf at 0, NaN below.", "xp.log(x); xp.log(n)", "near"),
    ("log1p", "x:number", "`log(1 + x)`, exact for small x.", "xp.log1p(x)", "near"),
    ("log2", "x:number", "Logarithm to base 2.", "xp.log2(x)", "near"),
    ("log10", "x:number", "Logarithm to base 10.", "xp.log10(x)", "near"),
    (
        "logaddexp",
        "one:number, two:number",
        "`log(exp(one) + exp(two))`, without overflow on the way.",
        "xp.logaddexp(x, y)",
        "near",
    ),
    # ---- angles
    ("sin", "x:number", "Sine of x in radians.", "xp.sin(x)", "near"),
    ("cos", "x:number", "Cosine of x in radians.", "xp.cos(x)", "near"),
    ("tan", "x:number", "Tangent of x in radians.", "xp.tan(x)", "near"),
    ("asin", "x:number", "Inverse sine, in radians; NaN outside [-1, 1].", "xp.asin(x)", "near"),
    ("acos", "x:number", "Inverse cosine, in radians; NaN outside [-1, 1].", "xp.acos(x)", "near"),
    ("atan", "x:number", "Inverse tangent, in radians.", "xp.atan(x)", "near"),
    ("atan2", "y:number, x:number", "The angle of the point (x, y), in (-pi, pi].", "xp.atan2(x, y); xp.atan2(n, m)", "near"),
    ("sinh", "x:number", "Hyperbolic sine.", "xp.sinh(x)", "near"),
    ("cosh", "x:number", "Hyperbolic cosine.", "xp.cosh(x)", "near"),
    ("tanh", "x:number", "Hyperbolic tangent.", "xp.tanh(x)", "near"),
    ("asinh", "x:number", "Inverse hyperbolic sine.", "xp.asinh(x)", "near"),
    ("acosh", "x:number", "Inverse hyperbolic cosine; NaN below 1.", "xp.acosh(y)", "near"),
    ("atanh", "x:number", "Inverse hyperbolic tangent; NaN outside [-1, 1].", "xp.atanh(x)", "near"),
    ("radians", "x:number", "Degrees to radians.", "xp.radians(x)", "near"),
    ("degrees", "x:number", "Radians to degrees.", "xp.degrees(x)", "near"),
    # ---- rounding, signs, tests
    ("floor", "x:number", "Rounded down; whole numbers stay as they are.", "xp.floor(x); xp.floor(n)"),
    ("ceil", "x:number", "Rounded up.", "xp.ceil(x); xp.ceil(p)"),
    ("trunc", "x:number", "Rounded towards 0.", "xp.trunc(x)"),
    (
        "round",
        "x:number, decimals:int=0",
        "Rounded half to even, at `decimals` by numpy's steps.",
        "xp.round(x); xp.round(x, 2); xp.round(x, -1); xp.round(n)",
    ),
    (
        "copysign",
        "one:number, two:number",
        "`one` with the sign of `two`, that of -0.0 too.",
        "xp.copysign(x, y); xp.copysign(1.0, x)",
    ),
    ("signbit", "x:number", "Whether the sign is negative, also of -0.0.", "xp.signbit(x); xp.signbit(n)"),
    ("isnan", "x:number", "Whether x is NaN.", "xp.isnan(x); xp.isnan(n)"),
    ("isinf", "x:number", "Whether x is infinite.", "xp.isinf(x)"),
    ("isfinite", "x:number", "Whether x is neither infinite nor NaN.", "xp.isfinite(x)"),
    (
        "nan_to_num",
        "x:number, nan:real=0.0, posinf:real=None, neginf:real=None",
        "NaN and infinities replaced, by 0 and the largest finite numbers unless told otherwise.",
        "xp.nan_to_num(x); xp.nan_to_num(x, nan=-1.0, posinf=9.0, neginf=-9.0); xp.nan_to_num(n)",
    ),
    # ---- comparisons and logic
    (
        "equal",
        "one:any, two:any",
        "`one == two`; a missing value equals nothing.",
        "x == y; n == m; s == u; s == 'a'; t == v; x == n; p == q; p == True; t == dt('2024-02-29')",
    ),
    (
        "not_equal",
        "one:any, two:any",
        "`one != two`; a missing value differs from everything.",
        "x != y; s != 'a'; s != u; t != v; p != q",
    ),
    (
        "less",
        "one:any, two:any",
        "`one < two`, of numbers and times; False where one is missing.",
        "x < y; n < m; t < v; d < d; x < 3; n < 2.5; p < q",
    ),
    ("less_equal", "one:any, two:any", "`one <= two`", "x <= y; t <= v; n <= m; n <= 7"),
    ("greater", "one:any, two:any", "`one > two`", "x > y; t > v; n > m; x > 1e308; t > dt('1970-01-01')"),
    ("greater_equal", "one:any, two:any", "`one >= two`", "x >= y; t >= v; n >= m"),
    (
        "logical_and",
        "one:condition, two:condition",
        "Both are true (not 0).",
        "xp.logical_and(p, q); xp.logical_and(x, n); xp.logical_and(p, x > 0)",
    ),
    ("logical_or", "one:condition, two:condition", "One is true (not 0).", "xp.logical_or(p, q); xp.logical_or(x, n)"),
    ("logical_xor", "one:condition, two:condition", "Exactly one is true (not 0).", "xp.logical_xor(p, q); xp.logical_xor(x, n)"),
    ("logical_not", "x:condition", "It is not true (0).", "xp.logical_not(p); xp.logical_not(x)"),
    (
        "bitwise_and",
        "one:whole, two:whole",
        "`one & two`: of booleans both, of whole numbers bit by bit.",
        "p & q; n & m; n & 255; (x > 0) & p",
    ),
    ("bitwise_or", "one:whole, two:whole", "`one | two`: of booleans one of them, of whole numbers bit by bit.", "p | q; n | m"),
    ("bitwise_xor", "one:whole, two:whole", "`one ^ two`: of booleans exactly one, of whole numbers bit by bit.", "p ^ q; n ^ m"),
    ("bitwise_invert", "x:whole", "`~x`: of a boolean the other, of whole numbers all bits.", "~p; ~n"),
    # ---- choices and tables
    (
        "where",
        "condition:condition, yes:any, no:any",
        "`yes` where the condition holds, else `no`; None is a missing value. A missing boolean does not hold.",
        "xp.where(x > 0, x, y); xp.where(p, s, 'none'); xp.where(p, t, v); xp.where(p, n, None); xp.where(p, q, False);"
        " xp.where(x > 1, s, None); xp.where(p, n, m); xp.where(p, n, 0.5); xp.where(x, 1, 0)",
    ),
    (
        "select",
        "conditions:list, values:list, default:any=None",
        "The value of the first condition that holds, else the default.",
        "xp.select([x > 1, y > 1], [x, y], 0.0); xp.select([p, q], ['a', s]); xp.select([s == 'a'], [n], -1)",
    ),
    (
        "isin",
        "x:any, values:set",
        "Whether x is one of the constants; a missing value is none of them.",
        "xp.isin(x, [0.0, 1.5, 2.0]); xp.isin(s, ['a', 'b', '']); xp.isin(n, [1, 2, 3, 2**62]); xp.isin(s, []);"
        " xp.isin(t, [dt('2024-02-29')]);"
        " xp.isin(x, [float('nan'), 1.5])",
    ),
    (
        "lookup",
        "x:any, table:dict, default:any=None",
        "What a table of constants holds for x; the default, a constant or a column, for everything else, missing ones too.",
        "xp.lookup(s, {'a': 1.5, 'a-b': 2.0}, 0.0); xp.lookup(s, {'a': 'A'}); xp.lookup(n, {1: 'one', 2: 'two'}, 'many');"
        " xp.lookup(s, {'a': 'b'}, s); xp.lookup(n, {1: True, 2: False}, False); xp.lookup(x, {1.5: 1, 2.0: 2}, 0)",
    ),
    (
        "is_missing",
        "x:any",
        "Whether x is missing: NaN, None or NaT.",
        "xp.is_missing(x); xp.is_missing(s); xp.is_missing(t); xp.is_missing(p); xp.is_missing(n)",
    ),
    (
        "fill_missing",
        "x:any, value:any",
        "x, and `value`, a constant or a column, where x is missing.",
        "xp.fill_missing(x, 0.0); xp.fill_missing(s, 'none'); xp.fill_missing(x, y); xp.fill_missing(s, u); "
        " xp.fill_missing(t, v); xp.fill_missing(n, 0);"
        " xp.fill_missing(p, False)",
    ),
    (
        "astype",
        "x:any, dtype:str",
        "x as float64, float32, int64 (cut towards 0), bool or string. Rows without such a value are refused;"
        " floats and times have no text.",
        "xp.astype(n, 'float64'); xp.astype(n, 'string'); xp.astype(p, 'int64'); xp.astype(x, 'bool'); xp.astype(p, 'string');"
        " xp.astype(x, 'float32'); xp.astype(xp.fill_missing(x, 0.0), 'int64')",
    ),
    ("zeros_like", "x:number", "Zeros in the dtype of x.", "xp.zeros_like(x); xp.zeros_like(n)"),
    ("ones_like", "x:number", "Ones in the dtype of x.", "xp.ones_like(x); xp.ones_like(p)"),
    (
        "full_like",
        "x:any, value:any",
        "A constant in every row, in the dtype of x.",
        "xp.full_like(x, 2); xp.full_like(s, 'a'); xp.full_like(n, 7)",
    ),
    (
        "searchsorted",
        "edges:list, x:number, side:str='left'",
        "How many of the rising edges lie below x (left: strictly), as int64; NaN lies above all.",
        "xp.searchsorted([0.0, 1.5, 10.0], x); xp.searchsorted([0.0, 1.5, 10.0], x, side='right'); xp.searchsorted([1, 5], n)",
    ),
    (
        "digitize",
        "x:number, edges:list, right:flag=False",
        "The number of the bin between rising edges that x lies in, as int64.",
        "xp.digitize(x, [0.0, 1.5, 10.0]); xp.digitize(x, [0.0, 1.5], right=True)",
    ),
    (
        "interp",
        "x:number, points:list, values:list",
        "Linear between rising points, constant outside of them.",
        "xp.interp(x, [0.0, 1.0, 4.0], [1.0, -1.0, 5.0]); xp.interp(x, [2.0], [7.0])",
        "near",
    ),
    (
        "polyval",
        "coefficients:list, x:number",
        "The polynomial, its highest power first.",
        "xp.polyval([2.0, -3.0, 0.5], x); xp.polyval([1.0], x)",
        "near",
    ),
    (
        "custom",
        "op:object, *columns:any, **arguments:object",
        "A custom operator, of any kind, on columns; several outputs come as a tuple.",
        "xp.custom(half, x)",
    ),
)

ALIASES: Final = {
    "absolute": "abs", "fabs": "abs", "power": "pow", "mod": "remainder", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "deg2rad": "radians", "rad2deg": "degrees",
    "rint": "round", "around": "round", "fix": "trunc", "true_divide": "divide", "invert": "bitwise_invert",
    "bitwise_not": "bitwise_invert", "one_of": "isin", "dates.weekday": "dates.dayofweek", "dates.day_of_week": "dates.dayofweek",
    "dates.day_of_year": "dates.dayofyear", "strings.len": "strings.length", "strings.fullmatch": "strings.matches",
}  # fmt: skip
