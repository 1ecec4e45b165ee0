"""docs/how-to/v2-protocol: its examples do what they show, against a real edge."""

import contextlib
import doctest
import io
import re
from pathlib import Path
from typing import Any

from rtml_core import operators as op
from rtml_core.client.records import Traffic
from tests.integration.v2 import edges

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "v2-protocol.md"
EXAMPLE = re.compile(r"```\{code-block\} python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def test_its_examples(tmp_path: Path) -> None:
    schema = {"age": "float?", "visits": "int", "member": "bool", "country": "string?", "seen_at": "timestamp"}
    graph: Any = op.Receiver(schema=schema) >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 40.0}, inplace=True)
    graph = graph >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
    graph = graph >> op.Pandas(import_="str.upper", cols="country", inplace=True)
    graph = graph >> op.Pandas(import_="filter", kwargs={"items": ["age", "visits", "country", "hour"]})
    graph.compile().save(str(tmp_path / "visits.rtml"))
    runtimes = edges.fill(tmp_path / "home", [tmp_path / "visits.rtml"], Traffic(1))
    examples = EXAMPLE.findall(PAGE.read_text())
    assert len(examples) == 5
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with edges.running(tmp_path / "home", runtimes) as edge:
        for source, shown in examples:
            printed = io.StringIO()
            source = source.replace("127.0.0.1:8001", edge.http).replace("127.0.0.1:9001", edge.grpc)
            try:
                with contextlib.redirect_stdout(printed):
                    exec(compile(source, str(PAGE), "exec"), namespace)
            except Exception as error:
                assert shown.startswith("InferenceServerException"), source
                printed.write(f"{type(error).__name__}: {error}\n")
            assert doctest.OutputChecker().check_output(shown, printed.getvalue(), doctest.ELLIPSIS), printed.getvalue()
        namespace["client"].close()
