"""Lines about single requests, for those who ask for them: `rtml edge --access-log 0.01` logs every hundredth."""

from __future__ import annotations

import time
from typing import Any

from rtml_plugins.edge.exchange import Answer, Handler, Later, Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.logs import AccessLog


def install(settings: EdgeSettings, handle: Handler) -> Handler:
    """The handler to serve with: itself when no requests are to be logged. Method, path, status, time and id are; never bodies,
    queries and headers.
    """
    if settings.access_log <= 0.0:
        return handle
    log = AccessLog(settings.access_log)

    def logged(request: Request) -> Answer:
        began = time.perf_counter()

        def note(response: Response) -> Response:
            log(request.method, request.path[:500], response.status, time.perf_counter() - began, response.request_id)
            return response

        answer = handle(request)
        if isinstance(answer, Response):
            return note(answer)
        if isinstance(answer, Later):
            later = Later()
            answer.then(lambda response: later.resolve(note(response)))
            return later
        return _awaited(answer, note)

    return logged


async def _awaited(answer: Any, note: Any) -> Response:
    response: Response = note(await answer)
    return response
