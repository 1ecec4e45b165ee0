"""What the tests of converters share: data with everything in it, and one comparison of scikit-learn with onnxruntime."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rtml_core.columns import MISSING_STRING, Column
from rtml_core.frames import canonical
from rtml_plugins.sklearn_ops import onnx_file
from rtml_plugins.sklearn_ops.answers import answers_of
from rtml_plugins.sklearn_ops.edges import points
from rtml_plugins.sklearn_ops.evaluate import answer_frame, features_frame
from rtml_plugins.sklearn_ops.fallback import answered_rows
from rtml_plugins.sklearn_ops.hard_rows import describe_inputs, hard_rows
from rtml_plugins.sklearn_ops.training import answered_dtypes

ROWS = 240


def numbers(*, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Floats small and large, whole numbers, a constant; with gaps in three columns when `missing`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=ROWS),
            "b": rng.integers(0, 5, ROWS),
            "c": rng.normal(size=ROWS) * 1e3,
            "k": np.ones(ROWS),
        }
    )
    return with_gaps(frame, ["a", "b", "c"], rng) if missing else frame


def texts(*, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Strings: two values, a long tail, and ones that are not ASCII or empty; with gaps in two columns when `missing`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "g": rng.choice(["m", "f"], ROWS).astype(object),
            "brand": rng.choice(list("ABCDEFG"), ROWS, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02]).astype(object),
            "ü": rng.choice(["ß", "é", "", "x y"], ROWS).astype(object),
        }
    )
    return with_gaps(frame, ["g", "brand"], rng) if missing else frame


def with_gaps(frame: pd.DataFrame, columns: Iterable[str], rng: np.random.Generator) -> pd.DataFrame:
    """The frame with a sixth of these columns missing."""
    gone = {name: rng.random(len(frame)) < 1 / 6 for name in columns}
    return frame.assign(**{name: frame[name].where(~mask, np.nan) for name, mask in gone.items()})


def two(frame: pd.DataFrame, seed: int = 1) -> np.ndarray:
    """Two classes that depend on the frame's numbers, with noise."""
    noise = np.random.default_rng(seed).normal(size=len(frame))
    return ((frame["a"].fillna(0.3) + frame["b"].fillna(2) / 3 + noise / 2) > 0.7).to_numpy().astype(int)


def three(frame: pd.DataFrame) -> np.ndarray:
    """Three classes, as strings."""
    return np.array(["x", "y", "z"], dtype=object)[two(frame) + (frame["c"].fillna(0) > 300).to_numpy()]


def value(frame: pd.DataFrame) -> np.ndarray:
    """A number that depends on the frame's numbers."""
    return (frame["a"].fillna(1) * 3 + frame["b"].fillna(0) + frame["c"].fillna(0) / 100).to_numpy()


def agree(
    estimator: Any,
    frame: pd.DataFrame,
    y: Any = None,
    *,
    rows: pd.DataFrame | None = None,
    hard: bool = True,
    outputs: Mapping[str, str] | None = None,
    exact: bool = False,
    nullable: Sequence[str] | None = None,
) -> onnx_file.OnnxFile:
    """Fit, convert, and compare every output on the training rows, `rows` and hard rows; also on one row and on none.

    exact: bit by bit, else within 1e-9 (1e-12 absolute). Rows that scikit-learn refuses must trip a row check. Columns that
    have gaps in `frame` may be missing in the model, or those of `nullable`.
    """
    frame = canonical(frame)
    names = [str(name) for name in frame.columns]
    x = features_frame(frame, names)
    estimator.fit(x) if y is None else estimator.fit(x, y)
    inputs = describe_inputs(frame, x)
    if nullable is not None:
        inputs = {name: {**facts, "missing": name in nullable} for name, facts in inputs.items()}
    answers = answers_of(estimator, names, outputs)
    dtypes = answered_dtypes(answer_frame(estimator, x, answers, {}))
    made = onnx_file.build(estimator, [Column(n, f["dtype"], f["missing"]) for n, f in inputs.items()], answers, dtypes)
    parts = [frame, *([] if rows is None else [canonical(rows)])]
    if hard:
        cases = hard_rows(inputs, points(estimator))
        # where scikit-learn refuses rows, they are found one by one
        parts.append(cases.sample(min(len(cases), 150), random_state=0) if made.checks else cases)
    everything = features_frame(canonical(pd.concat(parts, ignore_index=True)), names, {n: str(x[n].dtype) for n in names})
    _compare(made, estimator, everything, answers, dtypes, exact)
    return made


def _compare(made: Any, estimator: Any, x: pd.DataFrame, answers: Any, dtypes: Any, exact: bool) -> None:
    names = [str(name) for name in x.columns]
    got = onnx_file.run(made.model, x, names)
    kept = np.arange(len(x))
    if made.checks:
        accepted = got["__checks__"].all(axis=1)
        answered = answered_rows(lambda part: answer_frame(estimator, part, answers, dtypes), x)
        assert np.flatnonzero(accepted).tolist() == answered, "row checks and scikit-learn refuse different rows"
        kept = np.flatnonzero(accepted)
    expected = answer_frame(estimator, x.iloc[kept], answers, dtypes)
    for output, name in made.outputs.items():
        same(got[output][kept, 0], expected[name], name, exact)
    for count in (0, 1):
        shapes = {key: array.shape for key, array in onnx_file.run(made.model, x.iloc[:count], names).items()}
        assert {key: shapes[key] for key in made.outputs} == dict.fromkeys(made.outputs, (count, 1))


def same(came: np.ndarray, wanted: pd.Series, name: str, exact: bool = False) -> None:
    """Fail at the first row in which a column differs."""
    if came.dtype.kind == "f":
        numbers = wanted.to_numpy(dtype=np.float64, na_value=np.nan)
        rtol, atol = (0.0, 0.0) if exact else (1e-9, 1e-12)
        wrong = ~np.isclose(came, numbers, rtol=rtol, atol=atol, equal_nan=True)
    elif came.dtype.kind == "O":
        wrong = came != wanted.astype(object).where(wanted.notna(), MISSING_STRING).to_numpy()
    else:
        wrong = came != wanted.to_numpy(dtype=came.dtype)
    at = np.flatnonzero(wrong)
    assert not len(at), (
        f"{name}: {len(at)} of {len(came)} rows differ; row {at[0]}: {wanted.iloc[at[0]]!r} became {came[at[0]]!r}"
    )
