"""Every example in the documentation is run, and prints what the page says."""

from pathlib import Path

import pytest

from tests.docs.blocks import blocks
from tests.docs.session import Session

ROOT = Path(__file__).resolve().parents[2]
#: pages that come out of the source are checked by test_operator_reference
GENERATED = ROOT / "docs" / "reference" / "operators"
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if GENERATED not in page.parents and "_build" not in page.parts and page.exists()
]
WITH_EXAMPLES = [page for page in PAGES if blocks(page)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[str(page.relative_to(ROOT)) for page in WITH_EXAMPLES])
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RTML_HOME", str(tmp_path / ".rtml"))
    if page.parent == ROOT or "docs/examples/" in page.read_text():  # such a page's reader is in a clone
        (tmp_path / "docs").symlink_to(ROOT / "docs")
    Session(page, tmp_path).follow(blocks(page))


def test_the_tutorial_and_the_readme_have_examples() -> None:
    named = {str(page.relative_to(ROOT)) for page in WITH_EXAMPLES}
    assert {"README.md", "docs/tutorial/first-model.md"} <= named
