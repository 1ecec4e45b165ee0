"""What long polls are made of."""

from __future__ import annotations

import time
from typing import Annotated, Final

from fastapi import Query
from starlette.concurrency import run_in_threadpool

from rtml_plugins.hub.settings import MAX_WAIT

Wait = Annotated[float, Query(ge=0, le=MAX_WAIT, allow_inf_nan=False, description="Seconds to wait for something new.")]
clock: Final = time.monotonic
in_thread: Final = run_in_threadpool
