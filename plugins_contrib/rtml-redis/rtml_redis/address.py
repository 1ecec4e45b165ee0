"""The URL of a store, what the server behind it must be, and what goes wrong with it in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rtml_plugins.profile.store import StoreError, without_password

#: of Redis: the first with ZADD LT
OLDEST: Final = (6, 2)
_OWN: Final = ("prefix", "timeout")


class Address:
    """Of a store: `client` connects to it. shown: the URL without its password."""

    def __init__(self, url: str):
        self.shown = without_password(url).strip("'\"")
        try:
            parts = urlsplit(url)
            given = dict(parse_qsl(parts.query, keep_blank_values=True))
            own = {name: given.pop(name) for name in _OWN if name in given}
            self.prefix = own.get("prefix", "rtml:").encode()
            self.timeout = float(own.get("timeout", "10"))
            if not 0 < self.timeout < float("inf"):
                raise ValueError("expected timeout to be a number of seconds above 0")
            if parts.scheme == "redis+unix" and not parts.path:
                raise ValueError("expected the path of a socket, redis+unix:///run/redis.sock")
            scheme = "unix" if parts.scheme == "redis+unix" else parts.scheme
            text = f"{scheme}://{parts.netloc}{parts.path}" + (f"?{urlencode(given)}" if given else "")
            # A change that is sent again might be applied twice, or be refused because of itself: nothing is sent again.
            self.client: Any = redis.Redis.from_url(
                text,
                socket_timeout=self.timeout,
                socket_connect_timeout=self.timeout,
                retry=Retry(NoBackoff(), 0),
                retry_on_error=[],
                client_name="rtml-profiles",
            )
            self.client.connection_pool.make_connection()
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"The store {self.shown} can't be used: {_plain(error, url)}; expected redis://host:6379/0?prefix=rtml:"
            ) from None

    @contextmanager
    def in_words(self, doing: str) -> Iterator[None]:
        """What redis-py raises inside becomes a StoreError that names the server."""
        try:
            yield
        except redis.RedisError as error:
            raise self.trouble(doing, error) from error
        except (UnicodeError, OverflowError, ValueError) as error:
            raise StoreError(
                f"The store {self.shown} can't be {doing}: {error} (texts must be whole characters, and numbers fit into 64 bits)"
            ) from error

    def trouble(self, doing: str, error: redis.RedisError) -> StoreError:
        """A StoreError that says what an error of Redis means and what cures it."""
        text = str(error)
        if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
            cure = "give user and password that may do everything in the URL: redis://user:password@host"
        elif isinstance(error, redis.TimeoutError):
            cure = f"no answer within {self.timeout:g} s (?timeout=); what was being written may be there or not: read again"
        elif isinstance(error, redis.BusyLoadingError):
            cure = "the server is still reading its files: wait"
        elif isinstance(error, redis.ConnectionError):
            cure = "check that the server is there; what was being written may be there or not: read again"
        elif isinstance(error, redis.exceptions.OutOfMemoryError) or text.startswith("MISCONF"):
            cure = "give the server more memory, or its disk more room; nothing of this change was kept"
        elif isinstance(error, redis.exceptions.ReadOnlyError):
            cure = "it is a replica: name the server that takes writes"
        else:
            cure = "see the log of the server"
        return StoreError(f"The store {self.shown} can't be {doing}: {text} ({cure})")

    def check(self) -> None:
        """Raise StoreError for a server that can't keep profiles, or would throw some away by itself."""
        with self.in_words("opened"):
            info = self.client.info()
        version = tuple(int(part) for part in str(info.get("redis_version", "0")).split(".")[:2])
        if version < OLDEST:
            raise StoreError(f"The store {self.shown} is Redis {info['redis_version']}; expected 6.2 or newer")
        if info.get("cluster_enabled"):
            raise StoreError(
                f"The store {self.shown} is part of a Redis Cluster, where a change can't touch several persons at once; use one"
                " server, with replicas if you like"
            )
        if info.get("role") == "slave":
            raise StoreError(f"The store {self.shown} is a replica, which takes no writes; name the server that it follows")
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise StoreError(
                f"The store {self.shown} would throw profiles away when its memory is full (maxmemory-policy {policy}); set it to"
                " noeviction"
            )


def _plain(error: Exception, url: str) -> str:
    """The text of an error, unless it holds the password."""
    text = str(error)
    password = urlsplit(url).password if "@" in url else None
    return "the URL can't be read" if password and password in text else text
