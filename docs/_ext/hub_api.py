"""The tables of docs/reference/hub-api, from the hub's OpenAPI document: `python docs/_ext/hub_api.py` writes them there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).resolve().parents[1] / "reference" / "hub-api.md"
BEGIN: Final = "<!-- from here on written by docs/_ext/hub_api.py -->"
END: Final = "<!-- to here -->"


def document() -> dict[str, Any]:
    """The OpenAPI document of a hub."""
    from rtml_plugins.hub.api.app import create_app
    from rtml_plugins.hub.server import open_hub
    from rtml_plugins.hub.settings import HubSettings

    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(home=folder)
        hub = open_hub(settings)
        try:
            found: dict[str, Any] = create_app(hub, settings).openapi()
            return found
        finally:
            hub.close()


def tables(described: dict[str, Any]) -> str:
    """For each tag its operations, what they do, the scopes of which a key needs one, and their query parameters."""
    parts = []
    for tag in described["tags"]:
        mine = [
            (method.upper(), path, operation)
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
            if operation["tags"] == [tag["name"]]
        ]
        parts += [f"### {tag['name'].capitalize()}", "", tag["description"], ""]
        parts += ["| operation | method and path | does | answers | with keys, needs |", "|---|---|---|---|---|"]
        parts += [
            f"| {one['operationId']} | `{method} {path}` | {one['summary']} | {_answers(one)} | {_scopes(one)} |"
            for method, path, one in mine
        ]
        asked = [(path, method, one) for method, path, one in mine if _query(one)]
        if asked:
            parts += ["", "| query parameter | of | takes | means |", "|---|---|---|---|"]
            parts += [
                f"| `{entry['name']}` | {one['operationId']} | {_takes(entry['schema'])} | {entry.get('description', '')} |"
                for _, _, one in asked
                for entry in _query(one)
            ]
        bodies = [(one["operationId"], example) for _, _, one in mine if (example := _example(one, described)) is not None]
        if bodies:
            parts += ["", "| body of | for example |", "|---|---|"]
            parts += [f"| {named} | `{json.dumps(example)}` |" for named, example in bodies]
        parts.append("")
    return "\n".join(parts)


def _query(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in operation.get("parameters", ()) if entry["in"] == "query"]


def _example(operation: dict[str, Any], described: dict[str, Any]) -> Any:
    """An example of the JSON that an operation takes, None when it takes none."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None or "example" in content:
        return None if content is None else content["example"]
    schema = described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    return schema["examples"][0]


def _answers(operation: dict[str, Any]) -> str:
    return ", ".join(sorted(status for status in operation["responses"] if status < "400"))


def _scopes(operation: dict[str, Any]) -> str:
    if not operation["security"]:
        return "nothing"
    return " or ".join(f"`{scope}`" for scope in operation["security"][0]["key"])


def _takes(schema: dict[str, Any]) -> str:
    """The type of a parameter in words, with its bounds and default."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    kind = kinds[0]
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in kind["enum"])
    if kind.get("pattern") == "^(champion|keep)$":
        return "`champion` or `keep`"
    if kind["type"] == "array":
        return "names, repeated"
    low, high = kind.get("minimum", kind.get("exclusiveMinimum")), kind.get("maximum", kind.get("exclusiveMaximum"))
    bounds = "" if low is None or high is None or high > 10**8 else f", {low:,} to {high:,}"
    default = schema.get("default")
    said = "" if default in (None, False) else f"; by default {default:g}"
    return (
        {"integer": "a whole number", "number": "a number", "boolean": "`true` or `false`", "string": "a text"}[kind["type"]]
        + bounds
        + said
    )


def written(page: str, described: dict[str, Any]) -> str:
    """The page with these tables in place of those that it has."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(described)}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), document()))
