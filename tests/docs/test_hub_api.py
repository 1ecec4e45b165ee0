"""The tables of the hub's REST API on its page are those of its OpenAPI document."""

import importlib.util
from pathlib import Path

from tests.docs.test_pages import ROOT


def test_the_page_says_what_the_document_says() -> None:
    path = ROOT / "docs" / "_ext" / "hub_api.py"
    spec = importlib.util.spec_from_file_location("hub_api", path)
    assert spec is not None
    assert spec.loader is not None
    hub_api = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hub_api)
    page = Path(hub_api.PAGE).read_text()
    described = hub_api.document()
    assert sum(f"`{method.upper()} {path}`" in page for path, methods in described["paths"].items() for method in methods) == 61
    assert page == hub_api.written(page, described), "run: python docs/_ext/hub_api.py"
