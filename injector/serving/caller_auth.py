"""Caller authentication of `serve`, made from its settings: what is checked, and where keys come from.

Not here: whether a caller is accepted (injector.callers), and when that is checked (injector.server).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from injector.callers.check import Check
from injector.callers.tokens import IssuerKeys, TokenPolicy, Tokens
from injector.config.caller_settings import CallerAuth
from injector.config.server_settings import Server
from injector.errors import ConfigError
from injector.files import read_text
from injector.kube.async_client import AsyncCluster
from injector.server.tls import ReloadableTLS
from injector.telemetry import Metrics

DISCOVERY: Final = "/.well-known/openid-configuration"
JWKS: Final = "/openid/v1/jwks"


class Callers:
    """The check of callers, and what keeps its keys and CAs up to date. With mode off `check` is None."""

    def __init__(
        self, server: Server, cluster: AsyncCluster | None, metrics: Metrics, tls: ReloadableTLS
    ) -> None:
        self.check: Check | None = None
        self._settings = server.caller_auth
        self._poll = server.source.poll_seconds
        self._keys: IssuerKeys | None = None
        self._tls = tls
        self._trusted = ""
        self._problem = ""
        self._tasks: list[asyncio.Task[None]] = []
        if self._settings.mode != "off":
            self._trust()
            self.check = self._make(cluster, metrics)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to fetch keys, and to read the file of CAs again."""
        running: list[Coroutine[Any, Any, None]] = [self._keys.run()] if self._keys else []
        running += [self._read_cas()] if self._trusted else []
        self._tasks = [group.create_task(each) for each in running]

    def stop(self) -> None:
        """Fetch nothing more; the known keys and CAs stay in use."""
        for task in self._tasks:
            task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Why the API server would be refused; empty where it would not."""
        if self._keys and not self._keys.known and self._settings.mode == "enforce":
            return {"callerAuth": f"no keys to verify tokens: {self._keys.problem}"}
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Keys or CAs that could not be read again."""
        keys = self._keys.problem if self._keys else ""
        message = "; ".join(text for text in (self._problem, keys) if text)
        return {"callerAuth": message} if message else {}

    def _make(self, cluster: AsyncCluster | None, metrics: Metrics) -> Check:
        settings, tokens = self._settings, None
        if settings.audience:
            self._keys = IssuerKeys(_fetch(settings, cluster))
            subjects = frozenset(settings.subjects)
            tokens = Tokens(
                TokenPolicy(settings.audience, subjects, settings.issuer, settings.groups_claim), self._keys
            )
        names = frozenset(settings.client_names) if settings.client_ca_file else frozenset()
        return Check(enforce=settings.mode == "enforce", names=names, tokens=tokens, count=metrics.caller)

    def _trust(self) -> None:
        """Use the file of CAs where it has changed. Raises ConfigError; then the former CAs stay."""
        if not self._settings.client_ca_file:
            return
        text = read_text(Path(self._settings.client_ca_file))
        if text != self._trusted:
            self._tls.trust(text, self._settings.client_ca_file)
            self._trusted = text

    async def _read_cas(self) -> None:
        while True:
            await asyncio.sleep(self._poll)
            try:
                self._trust()
                self._problem = ""
            except ConfigError as error:
                self._problem = f"the last valid CAs stay in use: {error.advice}"
            except Exception as error:
                # A defect here must not stop the webhook.
                self._problem = f"checking the CAs failed unexpectedly: {type(error).__name__}"


def _fetch(settings: CallerAuth, cluster: AsyncCluster | None) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """The function that gets the key set: from a file, else from the API server."""

    async def from_file() -> Mapping[str, Any]:
        try:
            key_set = json.loads(read_text(Path(settings.jwks_file)))
        except ValueError:
            key_set = None
        if not isinstance(key_set, dict):
            hint = "save the JSON that the issuer serves at its jwks_uri"
            raise ConfigError("a JSON Web Key Set is expected", where=settings.jwks_file, hint=hint)
        return {"keys": key_set.get("keys")}

    async def from_cluster() -> Mapping[str, Any]:
        assert cluster is not None
        issuer = {"issuer": settings.issuer} if settings.issuer else await cluster.get(DISCOVERY)
        return {"issuer": issuer.get("issuer"), "keys": (await cluster.get(JWKS)).get("keys")}

    return from_file if settings.jwks_file else from_cluster
