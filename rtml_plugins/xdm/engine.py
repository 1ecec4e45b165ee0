"""jsonschema-rs, the validator underneath: compiled with what keeps a stranger's schema from doing harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rtml_core.errors import describe
from rtml_plugins.xdm.errors import SchemaError

#: memory that one compiled `pattern` may take, in bytes; the regular expressions run in linear time, whatever the pattern
PATTERN_BYTES: Final = 1024 * 1024


def compiled(document: dict[str, Any], name: str) -> Any:
    """A validator of draft-06 with formats checked, offline. Raises SchemaError; `name` says of which schema."""
    try:
        import jsonschema_rs
    except ModuleNotFoundError as error:
        raise SchemaError('To check documents rtml needs jsonschema-rs: pip install "rtml[xdm]"') from error
    try:
        return jsonschema_rs.Draft6Validator(
            document,
            validate_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=PATTERN_BYTES),
        )
    except jsonschema_rs.ValidationError as error:
        where = pointer(error.instance_path)
        if list(error.instance_path)[-1:] == ["pattern"] or "regex" in error.message:
            raise SchemaError(
                f"{name}: the pattern {describe(error.instance, 120)} at {where} can't be used. It must be a regular "
                "expression without look-around and back-references, and small enough to run in linear time."
            ) from error
        raise SchemaError(f"{name} is no JSON Schema of draft-06, at {where or '/'}: {error.message}.") from error
    except ValueError as error:
        raise SchemaError(f"{name} can't be used to check documents: {error}.") from error


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{escaped(str(step))}" for step in path)


def escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
