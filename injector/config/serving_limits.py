"""The settings of `serve` that limit waiting requests and connections.

Not here: all other settings of `serve` (`server_settings`).
"""

from __future__ import annotations

from typing import Final

from injector.classes import dataclass
from injector.config.fields import number, setting

MiB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Limits of waiting requests; a request beyond them gets 429."""

    length: int = setting(512, number(1, 100_000), "Maximum number of waiting requests.")
    max_bytes: int = setting(
        32 * MiB, number(MiB, 1024 * MiB, "bytes"), "Maximum total size of their bodies."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Bytes of memory for answers that are given again. They change no answer; 0: off."""

    replicas: int = setting(
        16 * MiB,
        number(0, 1024 * MiB, "bytes"),
        "Answers to reviews that are the same but for uid, times and the name of the token's volume.",
    )
    plans: int = setting(
        16 * MiB,
        number(0, 1024 * MiB, "bytes"),
        "Injections that serve pods which differ only in texts that are copied, such as names and images.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    "Limits of connections."

    limit: int = setting(
        2000,
        number(30, 100_000),
        "Maximum number of open connections for each listener; above it the longest idle one is "
        "closed. An API server keeps up to 25 idle connections.",
    )
    health_per_address: int = setting(
        64,
        number(8, 100_000),
        "Maximum number of open connections from one client address to the listener of health and metrics.",
    )
    max_bytes: int = setting(
        64 * MiB,
        number(16 * MiB, 4096 * MiB, "bytes"),
        "Maximum memory for all connections of the webhook: heads, bodies and unread answers. Above it "
        "the longest idle connections are closed.",
    )
    read_seconds: int = setting(
        10,
        number(1, 300, "seconds"),
        "Timeout of a handshake, of the first request, of receiving a request and of reading an answer.",
    )
    age_seconds: int = setting(
        300,
        number(0, 86_400, "seconds"),
        "Age after which a connection is closed with its next answer, so that callers spread over all "
        "replicas; 0: never.",
    )
