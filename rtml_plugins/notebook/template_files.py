"""The template notebooks: which there are, and copies of them to work in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core.errors import UnknownNameError, close_match, listing

_FOLDER: Final = Path(__file__).parent / "templates"
#: the order in which to go through them; others come after them
_ORDER: Final = ("train_and_publish", "your_own_onnx", "your_own_operator")
DEFAULT: Final = _ORDER[0]


def names() -> list[str]:
    """Their names, the first to look at first."""
    found = sorted(path.stem for path in _FOLDER.glob("*.ipynb"))
    return sorted(found, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


def title(name: str) -> str:
    """The heading of a template."""
    cells: list[dict[str, Any]] = msgspec.json.decode(_path(name).read_bytes())["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ").strip()


def copy(name: str, folder: Path) -> tuple[Path, bool]:
    """NAME.ipynb in a folder, and whether it is a fresh copy: one that is there is left as it is. Raises UnknownNameError."""
    source, target = _path(name), folder / f"{name}.ipynb"
    try:
        with source.open("rb") as read, target.open("xb") as written:
            shutil.copyfileobj(read, written)
    except FileExistsError:
        return target, False
    return target, True


def _path(name: str) -> Path:
    known = names()
    if name not in known:
        raise UnknownNameError(f"there is no template {name!r}, but {listing(known)}.{close_match(name, known)}")
    return _FOLDER / f"{name}.ipynb"
