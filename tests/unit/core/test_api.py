"""What is deprecated goes on working, and whoever uses it is told what to use instead."""

from __future__ import annotations

import warnings

import pytest

from rtml_core.api import STABLE, deprecated, warn_deprecated
from rtml_core.errors import RtmlDeprecationWarning


@deprecated("use rtml_core.frames.canonical", since="0.3", goes=2)
def tidy(frame: int, *, deep: bool = False) -> tuple[int, bool]:
    """Tidies."""
    return frame, deep


class Old:
    @deprecated("use apply", since="0.3", goes=2)
    def run(self, value: int) -> int:
        return value + 1


def test_a_deprecated_function_works_and_warns_at_the_line_of_its_caller() -> None:
    with pytest.warns(RtmlDeprecationWarning) as seen:
        assert tidy(3, deep=True) == (3, True)
    (warning,) = seen
    assert str(warning.message) == (
        f"{__name__}.tidy is deprecated since rtml 0.3 and goes with plugin API 2: use rtml_core.frames.canonical"
    )
    assert warning.filename == __file__
    assert tidy.__doc__ == "Tidies."


def test_a_deprecated_method_says_whose_it_is() -> None:
    with pytest.warns(RtmlDeprecationWarning, match=r"Old\.run is deprecated since rtml 0\.3 .*: use apply"):
        assert Old().run(1) == 2


def test_what_is_no_function_warns_where_it_is_used() -> None:
    def answer(form: str) -> str:
        warn_deprecated("an answer as a text", "return a list", since="0.3", goes=2)
        return form

    with pytest.warns(RtmlDeprecationWarning) as seen:
        answer("x")
    assert seen[0].filename == __file__
    assert str(seen[0].message) == "an answer as a text is deprecated since rtml 0.3 and goes with plugin API 2: return a list"


def test_it_is_shown_where_python_shows_deprecations_and_can_be_an_error() -> None:
    assert issubclass(RtmlDeprecationWarning, DeprecationWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RtmlDeprecationWarning)
        with pytest.raises(RtmlDeprecationWarning):
            tidy(1)


def test_stable_modules_say_what_they_are_for() -> None:
    assert all(text.strip() for text in STABLE.values())
    assert not any(part.startswith("_") for name in STABLE for part in name.split("."))
