"""Names of services and regions: what may stand in a URL, a file name and a metric's label without escaping."""

from __future__ import annotations

import re
from typing import Final

from rtml_core.errors import RtmlError, describe

NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
#: regions of the documented product; others may be named freely
REGIONS: Final = ("na", "emea", "apac")


class NameRefused(RtmlError):
    """A name of a service or a region that is none."""


def check_name(name: str, what: str = "service") -> str:
    """The name itself; NameRefused unless it has 1 to 63 of a-z, 0-9, - and _, with a letter or digit at both ends."""
    if not NAME.fullmatch(name):
        raise NameRefused(
            f"{describe(name)} is no name of a {what}: expected 1 to 63 lower-case letters, digits, '-' and '_', with a letter"
            f" or a digit at both ends, e.g. 'churn-2'"
        )
    return name
