"""Twenty-four feature functions as people write them: how many record, compile and score as they are.

They were written before anything of the recording was, and no line of them was changed for it since. The twenty that count are
all but every sixth of the alphabet, a rule that was chosen before any was recorded. Three of the 24 use what needs other rows of
the frame, one a regular expression inside of a function of a cell: they are refused, at the line.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from rtml_core.errors import RtmlError
from tests.unit.plugins.recording.comparing import assert_records, record

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # dt.weekday, as people write it

FOLDER = Path(__file__).parent / "snippets"
ALL = sorted(path.stem for path in FOLDER.glob("*.py"))
TWENTY = [name for number, name in enumerate(ALL, start=1) if number % 6]

#: what is refused, with the line where it stands, and words of the cure
REFUSED: dict[str, tuple[str, str]] = {
    "card_history": ('df = df.sort_values(["card_id", "ts"])', "profile"),
    "clickstream_sessions": ('t["dwell_last_3"] = t["dwell"].rolling(3, min_periods=1).mean()', "profile"),
    "shop_orders": ('df = df.dropna(subset=["customer"]).drop_duplicates()', "before"),
    "support_tickets": (
        't["clean"] = t["text"].apply(lambda x: re.sub(r"[^a-z ]", "", x.lower()).strip())',
        ".str.replace(..., regex=True)",
    ),
}


def snippet(name: str) -> Any:
    return importlib.import_module(f"tests.unit.plugins.recording.snippets.{name}")


@pytest.mark.parametrize("name", [name for name in ALL if name not in REFUSED])
def test_a_function_records_and_its_package_scores_raw_rows_as_pandas_does(name: str) -> None:
    module = snippet(name)
    assert_records(module.features, module.frame, module.LABEL)


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_run_in_real_time_is_refused_at_its_line_with_a_cure(name: str) -> None:
    module = snippet(name)
    line, cure = REFUSED[name]
    source = (FOLDER / f"{name}.py").read_text().splitlines()
    [number] = [number for number, text in enumerate(source, start=1) if text.strip() == line]
    with pytest.raises(RtmlError) as refused:
        record(module.features, module.frame(), module.LABEL)
    said = str(refused.value)
    assert f"{name}.py" in said
    assert f"line {number}" in said
    assert line in said
    assert cure in said


def test_the_count_does_not_get_worse() -> None:
    assert len(ALL) == 24
    assert len(TWENTY) == 20
    assert sorted(set(TWENTY) & set(REFUSED)) == ["card_history", "support_tickets"]
    assert len(set(TWENTY) - set(REFUSED)) >= 17
