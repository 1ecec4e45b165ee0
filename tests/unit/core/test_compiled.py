"""What a compile gives, as a notebook shows it."""

from __future__ import annotations

from typing import Any

from tests.unit.core.operators_for_tests import Scale, Source


def test_a_package_shows_what_it_is_and_not_its_bytes() -> None:
    graph: Any = Source(schema={"x": "float"}) >> Scale(col="x", by=2.0)
    compiled = graph.compile()
    assert repr(compiled).startswith(f"<package {compiled.id[:12]}: {compiled.node_count} ONNX nodes, ")
    assert f"{compiled.report.rows} rows, 0 differences" in repr(compiled)
    assert "parity: not checked" in repr(graph.compile(parity=False))
