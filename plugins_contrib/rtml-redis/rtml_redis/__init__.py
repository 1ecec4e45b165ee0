"""Customer profiles in Redis."""

from __future__ import annotations

from collections.abc import Mapping

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_profile_stores() -> Mapping[str, str]:
    """redis://, rediss:// (TLS) and redis+unix:// (a socket)."""
    return dict.fromkeys(("redis", "rediss", "redis+unix"), "rtml_redis.store:RedisStore")
