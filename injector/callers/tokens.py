"""Bearer tokens: JWTs of an issuer whose public keys are known, for this webhook's audience alone.

Here: keys and claims. Not here: the answer to a caller (check.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import jwt

from injector.classes import dataclass
from injector.errors import InjectorError

REFRESH_SECONDS: Final = 600.0
# An unknown key may be a new one of the issuer: keys are fetched again at most this often because of one.
AGAIN_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
# How long a caller waits for keys; of its own budget at most half, as the admission follows.
PATIENCE_SECONDS: Final = 5.0
# Clocks differ.
LEEWAY_SECONDS: Final = 10

# Public keys only: with a shared secret, a verifier could also sign.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

_NO_KEY: Final = "the key set has no usable public key (hint: check the issuer's JWKS)"

# The API group of pods has an empty name.
_PODS: Final = frozenset({"", "*"})

_REASONS: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "token-expired"),
    (jwt.ImmatureSignatureError, "token-not-yet-valid"),
    (jwt.InvalidIssuerError, "token-issuer"),
    (jwt.InvalidAudienceError, "token-audience"),
    (jwt.InvalidSignatureError, "token-signature"),
    (jwt.PyJWTError, "token-malformed"),
)


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a token must say. Without `issuer` it is the one that publishes the keys.

    `groups_claim` is the path, with slashes, of the claim that lists the API groups whose reviews the
    bearer may send; empty: the claim is not checked.
    """

    audience: str
    subjects: frozenset[str]
    issuer: str = ""
    groups_claim: str = ""


class IssuerKeys:
    """The issuer's public keys, fetched regularly; the last valid ones stay.

    `fetch` returns a JSON Web Key Set, with the name of the `issuer` beside the `keys`. `problem`
    is why the last fetch failed, empty where it did not.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = ""
        self.problem = "not read yet"
        self._fetch, self._clock = fetch, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried = -AGAIN_SECONDS
        self._fetching: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Whether there are keys."""
        return bool(self._keys)

    async def run(self) -> None:
        """Fetch the keys again and again. Never returns."""
        while True:
            await self.refresh()
            await asyncio.sleep(RETRY_SECONDS if self.problem else REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Fetch the keys once. Calls at the same time wait for the same answer."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_keys())
        # A caller that gives up does not cancel the fetch for the others.
        await asyncio.shield(self._fetching)

    async def find(self, name: str, budget: float | None = None) -> jwt.PyJWK | None:
        """The key of that name; for an unknown one the keys are fetched, within bounds of rate and time."""
        if name not in self._keys and (self._fetching or self._clock() - self._tried >= AGAIN_SECONDS):
            patience = PATIENCE_SECONDS if budget is None else min(PATIENCE_SECONDS, budget / 2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.refresh()
        return self._keys.get(name)

    async def _fetch_keys(self) -> None:
        self._tried = self._clock()
        try:
            answer = await self._fetch()
            keys = dict(_usable(answer.get("keys")))
            issuer = str(answer.get("issuer") or "")
        except InjectorError as error:
            self.problem = error.advice
        except Exception as error:
            # After a defect in fetching, the known keys stay in use.
            self.problem = f"fetching keys failed unexpectedly: {type(error).__name__}"
        else:
            self.problem = "" if keys else _NO_KEY
            if keys:
                self._keys, self.issuer = keys, issuer
        finally:
            self._fetching = None


def _usable(keys: Any) -> list[tuple[str, jwt.PyJWK]]:
    named_keys = []
    for raw in keys if isinstance(keys, list) else ():
        try:
            key = jwt.PyJWK.from_dict(raw)
        except (jwt.PyJWTError, TypeError, ValueError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
            named_keys.append((str(key.key_id or ""), key))
    return named_keys


class Tokens:
    """Checks tokens."""

    def __init__(self, policy: TokenPolicy, keys: IssuerKeys) -> None:
        self._policy = policy
        self._keys = keys

    async def check(self, token: str, budget: float | None = None) -> str:
        """The reason why a token is not accepted, empty where it is. `budget`: seconds the caller waits."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return "token-malformed"
        key = await self._keys.find(str(header.get("kid") or ""), budget)
        if key is None:
            return "token-key" if self._keys.known else "keys-unavailable"
        if header.get("alg") != key.algorithm_name:
            return "token-key"
        if not self._issuer:
            return "token-issuer"
        try:
            claims = self._claims(token, key)
        except jwt.PyJWTError as error:
            return next(reason for kind, reason in _REASONS if isinstance(error, kind))
        return self._claims_reason(claims)

    @property
    def _issuer(self) -> str:
        """The required issuer; empty where unknown: then no token is accepted."""
        return self._policy.issuer or self._keys.issuer

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        policy = self._policy
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=policy.audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return claims

    def _claims_reason(self, claims: Mapping[str, Any]) -> str:
        policy = self._policy
        # A token for other audiences as well may come from one of them.
        if claims["aud"] not in (policy.audience, [policy.audience]):
            return "token-audience"
        if claims["sub"] not in policy.subjects:
            return "token-subject"
        if policy.groups_claim:
            groups = _claim(claims, policy.groups_claim.split("/"))
            if not isinstance(groups, list) or not any(g in _PODS for g in groups if isinstance(g, str)):
                return "token-groups"
        return ""


def _claim(claims: Any, path: list[str]) -> Any:
    for part in path:
        claims = claims.get(part) if isinstance(claims, Mapping) else None
    return claims
