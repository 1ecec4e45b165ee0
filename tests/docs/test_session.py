"""The runner of the examples itself: it must notice a page that is wrong."""

from pathlib import Path

import pytest

from tests.docs.blocks import Command, File, Python, blocks
from tests.docs.session import PageError, Session


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = page(tmp_path, text)
    Session(path, tmp_path).follow(blocks(path))


def test_blocks_are_found_in_order(tmp_path: Path) -> None:
    text = (
        "# A\n```python\nx = 1\n```\nwords\n```text\nnot an output\n```\n```sh\nmake demo\n```\n"
        '```{code-block} json\n:caption: a/b.json\n\n{"x": 1}\n```\n```console\n$ echo a \\\n  b\na b\n$ true\n```\n'
        "```python\nprint(2)\n```\n\n```text\n2\n```\n"
    )
    assert blocks(page(tmp_path, text)) == [
        Python("x = 1\n", 3, None),
        File("a/b.json", '{"x": 1}\n', 13),
        Command("echo a \\\n  b", 18, "a b\n"),
        Command("true", 21, ""),
        Python("print(2)\n", 24, "2\n"),
    ]


def test_a_right_page_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(
        tmp_path,
        monkeypatch,
        "```python\nx = 41\n```\n```python\nprint(x + 1, 'and so on')\n```\n```text\n42 ...\n```\n"
        "```{code-block} text\n:caption: names.txt\n\nAda\n```\n```console\n$ cat names.txt\nAda\n$ false\n$ echo $?\n1\n```\n"
        "```python\nraise ValueError('too small')\n```\n```text\nValueError: too small\n```\n",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```python\nprint(1)\n```\n```text\n2\n```\n", "line 2"),
        ("```python\nprint(1)\n```\n", "does not show"),
        ("```console\n$ echo 1\n2\n```\n", "--- it prints\n1"),
        ("```console\n$ echo 1\n```\n", "--- it prints\n1"),
        ("```console\n$ false\n```\n", "exit status 1"),
    ],
)
def test_a_wrong_page_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    with pytest.raises(PageError, match=words):
        follow(tmp_path, monkeypatch, text)


def test_an_error_that_the_page_does_not_show_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        follow(tmp_path, monkeypatch, "```python\n1 / 0\n```\n")


PROJECT = """```{code-block} toml
:caption: pyproject.toml

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "rtml-geo"
version = "1.4.0"

[project.entry-points."rtml.plugins"]
geo = "rtml_geo"
```
```{code-block} python
:caption: rtml_geo.py

rtml_plugin_api = 1
```
"""


def test_an_installed_plugin_is_seen_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = "from importlib.metadata import entry_points as e; print(*[p.dist.name for p in e(name='geo')])"
    follow(tmp_path, monkeypatch, f'{PROJECT}```console\n$ pip install -e .\n$ python -c "{seen}"\nrtml-geo\n```\n')


def test_a_package_that_cannot_be_installed_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="pip install"):
        follow(tmp_path, monkeypatch, "```console\n$ pip install -e .\n```\n")


def test_the_reader_goes_into_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "```console\n$ mkdir -p a/b\n$ cd a/b\n$ pwd\n.../a/b\n```\n```{code-block} text\n:caption: x.txt\n\nAda\n```\n"
    follow(tmp_path, monkeypatch, text)
    assert (tmp_path / "a" / "b" / "x.txt").read_text() == "Ada\n"
