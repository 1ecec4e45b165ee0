"""Parameters: validated, one message form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError


class Sample(Operator):
    """An operator with parameters of many kinds."""

    class Params(Params):
        import_: str
        cols: Annotated[str | list[str] | None, doc("columns to use", "a column name or a list of them")] = None
        count: int = 3
        mode: Literal["train", "test"] = "train"
        table: dict[str, float] = {}  # noqa: RUF012  msgspec copies it
        anything: Any = None

        def validate(self) -> None:
            if self.count < 0:
                raise ParamError(f"parameter 'count' must be at least 0; got {self.count}")

    def transform(self, frame: Any) -> Any:
        return frame


def test_keywords_and_dict_say_the_same() -> None:
    assert Sample(import_="x", cols="a").params == Sample(params={"import": "x", "cols": "a"}).params
    assert Sample(params={"import": "x", "cols": "a"}).to_json() == {"import": "x", "cols": "a"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"import": "x", "cols": 3}, "Sample: parameter 'cols' must be a column name or a list of them; got 3"),
        ({"import": 3}, "Sample: parameter 'import' must be a string; got 3"),
        ({"import": "x", "count": "3"}, "Sample: parameter 'count' must be a whole number; got '3'"),
        ({"import": "x", "count": True}, "Sample: parameter 'count' must be a whole number; got True"),
        ({"import": "x", "count": -1}, "Sample: parameter 'count' must be at least 0; got -1"),
        ({"import": "x", "mode": "rest"}, "Sample: parameter 'mode' must be one of 'train', 'test'; got 'rest'"),
        ({"import": "x", "table": {"a": "b"}}, "Sample: parameter 'table' must be an object of numbers; got {'a': 'b'}"),
        ({}, "Sample: parameter 'import' is missing; it must be a string"),
        ({"import": "x", "colz": 1}, "Sample: unknown parameter 'colz'."),
        ({"import": "x", "colz": 1}, "Did you mean 'cols'?"),
        ({"import": "x", "import_": "y"}, "Sample: parameter 'import' is given twice, as 'import' and 'import_'"),
    ],
)
def test_one_message_form(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError) as raised:
        Sample(params=params)
    assert message in str(raised.value)


def test_params_and_keyword_for_one_parameter_are_refused() -> None:
    with pytest.raises(ParamError, match="'import' is given twice, in params and as a keyword"):
        Sample(params={"import": "x"}, **{"import": "y"})
    with pytest.raises(ParamError, match="params must be an object"):
        Sample(params=[1])  # type: ignore[arg-type]
