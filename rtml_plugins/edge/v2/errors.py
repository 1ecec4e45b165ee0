"""Errors below /v2: problem documents (RFC 9457) that say their sentence once more as "error".

That is where the protocol's clients look. They are sent as application/json, as one of these clients reads nothing else, and as
application/problem+json to whoever accepts that.
"""

from __future__ import annotations

from typing import Final

import msgspec

from rtml_plugins.edge import metrics
from rtml_plugins.edge.access import SECURITY_HEADERS
from rtml_plugins.edge.exchange import Response
from rtml_plugins.serving.problems import CONTENT_TYPE, Problem

PREFIX: Final = "/v2"


def respond(problem: Problem, accepts: str | None = None, identity: str = "") -> Response:
    """The answer to a request that can't be answered; counted. accepts: its header Accept."""
    metrics.refused(problem.kind)
    document = problem.document(identity or None)
    document["error"] = problem.detail
    kind = CONTENT_TYPE if accepts is not None and CONTENT_TYPE in accepts else "application/json"
    headers = [("Content-Type", kind), *SECURITY_HEADERS, *problem.headers]
    return Response(problem.status, headers, msgspec.json.encode(document), identity)
