"""What rtml itself says about the plugin."""

from __future__ import annotations

from typing import Any


def test_rtml_plugins_check_finds_no_error(rtml_cli: Any) -> None:
    (report,) = rtml_cli("plugins", "check", "boosting", "--json").json
    assert [finding for finding in report["findings"] if finding["level"] == "error"] == []
    tried = [finding["where"] for finding in report["findings"] if finding["check"] == "contract"]
    assert tried == ["LightGBM", "XGBoost", "CatBoost"]
