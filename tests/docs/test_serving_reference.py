"""The reference of serving is complete: metrics, kinds of problems, paths; its alert rules ask for what there is."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rtml_plugins.edge import metrics, metrics_text
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.hub.api import errors
from rtml_plugins.serving.openapi_parts import fixed_paths

ROOT = Path(__file__).resolve().parents[2]
METRICS = (ROOT / "docs" / "reference" / "metrics.md").read_text()
PROBLEMS = (ROOT / "docs" / "reference" / "problems.md").read_text()
EDGE_API = (ROOT / "docs" / "reference" / "edge-api.md").read_text()
#: what Prometheus makes of a histogram or an info
SUFFIXES = ("_bucket", "_sum", "_count", "_created")


@pytest.fixture
def exposed(tmp_path: Path) -> dict[str, Any]:
    """Every metric that an edge exposes, by the name that the reference has."""
    metrics.reset()
    settings = EdgeSettings(home=str(tmp_path), region="emea")
    metrics.observe("churn", 1, "ok", 0.001)
    metrics.batch("churn", 1)
    metrics.loaded("churn", 1, 0.1)
    metrics.load_failed("churn", 2)
    metrics.refused("busy")
    metrics.shadow("churn", 2, "same")
    metrics.count("explained", "churn", "1")
    metrics.count("projections", "hit")
    metrics.count("outbox_records", "churn", "kept")
    metrics.Writer(settings).write()
    text, _ = metrics_text.render(settings.folder, "emea")
    metrics.reset()
    families = text_string_to_metric_families(text.decode())
    return {f"{family.name}{'_total' if family.type == 'counter' else ''}": family for family in families}


def rows(page: str) -> dict[str, list[str]]:
    """Tables of a page: cells after the first, by the first one's code."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[cells[0].strip("`")] = cells[1:]
    return found


def test_every_metric_is_documented_with_its_labels_and_its_help(exposed: dict[str, Any]) -> None:
    documented = {name: cells for name, cells in rows(METRICS).items() if name.startswith("rtml_")}
    assert documented.keys() == exposed.keys()
    for name, family in exposed.items():
        kind, labels, text = documented[name]
        assert kind == ("info" if name.endswith("_info") else family.type)
        said = {label.strip(" `") for label in labels.split(",") if label.strip()}
        assert {key for sample in family.samples for key in sample.labels} - {"region", "le"} <= said
        assert said <= {key for sample in family.samples for key in sample.labels} or name == "rtml_edge_service_ready"
        assert name.endswith("_info") or re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text).startswith(family.documentation.rstrip("."))


def test_every_outcome_is_documented_with_its_statuses() -> None:
    documented = rows(METRICS)
    for outcome in metrics.OUTCOMES:
        statuses = re.findall(r"\b[1-5][0-9][0-9]\b", documented[outcome][0])
        kind = (re.findall(r"of kind `([a-z-]+)`", documented[outcome][0]) or [""])[0]
        assert {metrics.outcome(int(status), kind) for status in statuses} <= {outcome}


def test_alerts_and_queries_ask_for_metrics_that_there_are(exposed: dict[str, Any]) -> None:
    blocks = re.findall(r"```(yaml|promql)\n(.*?)```", METRICS, re.DOTALL)
    names = {name for _, text in blocks for name in re.findall(r"\brtml_[a-z_]+", text)}
    assert len(names) >= 6
    bases = {next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name) for name in names}
    assert bases - exposed.keys() == set()
    labels = {label for _, text in blocks for label in re.findall(r"by \(([^)]*)\)", text)}
    known = {key for family in exposed.values() for sample in family.samples for key in sample.labels} | {"service"}
    assert {label.strip() for group in labels for label in group.split(",")} - known == set()
    outcomes = re.findall(r'outcome=~?"([^"]*)"', METRICS)
    assert {outcome for group in outcomes for outcome in group.split("|")} <= set(metrics.OUTCOMES)


def test_alerts_are_rules_of_prometheus() -> None:
    (text,) = [text for text in re.findall(r"```yaml\n(.*?)```", METRICS, re.DOTALL) if "alert:" in text]
    (group,) = yaml.safe_load(text)["groups"]
    assert len(group["rules"]) >= 7
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"[0-9]+m", rule["for"])
        assert rule["labels"]["severity"] in ("page", "ticket")
        expression = rule["expr"]
        assert expression.count("(") == expression.count(")")
        assert expression.count("[") == expression.count("]")


def raised() -> dict[str, set[int]]:
    """Kinds of problems in the source -> statuses they are raised with, as far as they stand there as constants."""
    found: dict[str, set[int]] = {kind: {status} for _, status, kind in errors._REFUSALS}
    for status, kind in errors._KINDS.items():
        found.setdefault(kind, set()).add(status)
    for path in sorted((ROOT / "rtml_plugins").rglob("*.py")):
        if "rtml_plugins.serving.problems" not in (source := path.read_text()):  # records have problems, too, of another kind
            continue
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem"):
                continue
            status, kind = (argument.value if isinstance(argument, ast.Constant) else None for argument in node.args[:2])
            if isinstance(kind, str):
                found.setdefault(kind, set()).update({status} if isinstance(status, int) else set())
    return found


def test_every_kind_of_problem_is_documented_with_its_statuses_and_no_other() -> None:
    documented = {
        kind: {int(status) for status in cells[0].split(",")} for kind, cells in rows(PROBLEMS).items() if cells[0][:1].isdigit()
    }
    assert list(documented) == sorted(documented)
    in_source = raised()
    assert documented.keys() == in_source.keys()
    assert {kind: statuses for kind, statuses in in_source.items() if not statuses <= documented[kind]} == {}


def test_every_path_of_an_edge_stands_in_its_reference() -> None:
    table = " ".join(line for line in EDGE_API.splitlines() if line.startswith("| `"))
    bases = {path.replace("/versions/{version}", "") for path in fixed_paths()}
    missing = [path for path in bases if path not in table and "/" + path.rsplit("/", 1)[1] not in table]
    assert missing == []
