"""`rtml plugins check`: what the distribution says about itself to pip and to those who look for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from typing import Final

from rtml_core.cli.plugin_check_findings import Finding, Subject

#: a version as PEP 440 wants it, without the rare parts
_VERSION: Final = re.compile(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?")
_PROJECT: Final = "pyproject.toml"


def check_package(subject: Subject) -> Iterator[Finding]:
    """Name, version, description, requirements and licence of the distribution that brings the plugin."""
    info = subject.info
    try:
        found = distribution(info.distribution)
    except PackageNotFoundError:
        yield Finding("error", "package", "", f"no metadata of a distribution '{info.distribution}'", "install it again with pip")
        return
    metadata = found.metadata
    findings = [*_identity(metadata), *_needs(subject, found.requires or []), *_words(metadata)]
    yield from findings
    if not findings:
        yield Finding("ok", "package", "", f"{info.distribution} {info.version}: {_value(metadata, 'Summary')}")


def _identity(metadata: PackageMetadata) -> Iterator[Finding]:
    name, version = _value(metadata, "Name"), _value(metadata, "Version")
    normal = re.sub(r"[-_.]+", "-", name).lower()
    if name != normal:
        yield Finding("warning", "package", "", f"the name '{name}' is not in its normal form", f"write '{normal}' in {_PROJECT}")
    if not _VERSION.fullmatch(version):
        yield Finding("warning", "package", "", f"'{version}' is no plain version", f'write one like "1.4.0" in {_PROJECT}')


def _needs(subject: Subject, requires: list[str]) -> Iterator[Finding]:
    if subject.built_in:
        return
    named = {re.sub(r"[-_.]+", "-", match[0]).lower() for text in requires if (match := re.match(r"[\w.-]+", text))}
    if "rtml" not in named:
        cure = f'write dependencies = ["rtml>=..."] in {_PROJECT}'
        yield Finding("error", "package", "", "it does not require rtml, so pip installs it without", cure)


def _words(metadata: PackageMetadata) -> Iterator[Finding]:
    summary = _value(metadata, "Summary")
    if not summary or summary == "UNKNOWN":
        yield Finding("warning", "package", "", "it has no description", f"write description in {_PROJECT}, one sentence")
    elif summary.endswith("is for, in one sentence."):
        cure = f"write description in {_PROJECT}"
        yield Finding("warning", "package", "", "the description is still the template's", cure)
    licensed = _value(metadata, "License-Expression") or _value(metadata, "License")
    classified = any(text.startswith("License ::") for text in metadata.get_all("Classifier") or [])
    if not (licensed or classified):
        yield Finding("warning", "package", "", "it has no licence", f"choose one and write license in {_PROJECT}")
    if not _value(metadata, "Requires-Python"):
        yield Finding("warning", "package", "", "it does not say which Python it needs", f"write requires-python in {_PROJECT}")


def _value(metadata: PackageMetadata, name: str) -> str:
    """One field, '' when it is not there: asking for an absent one by [] is deprecated."""
    return str((metadata.get_all(name) or [""])[0]).strip()
