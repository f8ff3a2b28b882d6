"""Bearer tokens: JWTs of an issuer whose public keys are known, for us alone.

Here: keys and claims. Not here: what becomes of a caller (check.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from injector.errors import InjectorError

REFRESH_SECONDS: Final = 600.0
# A key that is not known may be a new one, or no key at all: so often we ask because of one.
AGAIN_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
# How long a caller waits for keys; with a budget of its own, half of that, as an admission is to follow.
PATIENCE_SECONDS: Final = 5.0
# Clocks differ.
LEEWAY_SECONDS: Final = 10

# Public keys only: with a shared secret whoever verifies could sign.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

_NO_KEY: Final = "the key set has no usable public key (hint: check the issuer's JWKS)"

# The API group of pods has an empty name.
_PODS: Final = frozenset({"", "*"})

_WORDS: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "token-expired"),
    (jwt.ImmatureSignatureError, "token-not-yet-valid"),
    (jwt.InvalidIssuerError, "token-issuer"),
    (jwt.InvalidAudienceError, "token-audience"),
    (jwt.InvalidSignatureError, "token-signature"),
    (jwt.PyJWTError, "token-malformed"),
)


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a token has to say. Without `issuer` it is that which publishes the keys.

    `groups_claim` is the path of the claim that lists the API groups whose reviews the bearer may
    send, its parts separated by slashes; empty: it is not asked for.
    """

    audience: str
    subjects: frozenset[str]
    issuer: str = ""
    groups_claim: str = ""


class IssuerKeys:
    """The issuer's public keys, fetched now and then; the last good ones stay.

    `fetch` returns a JSON Web Key Set, with the name of the `issuer` beside the `keys`. `problem`
    is why the last try gave none, empty where it did.
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
        """Fetch them again and again. Never returns."""
        while True:
            await self.refresh()
            await asyncio.sleep(RETRY_SECONDS if self.problem else REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Fetch them once; who asks while that is under way waits for the same answer."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._take())
        # Who gives up waiting does not take the answer from the others.
        await asyncio.shield(self._fetching)

    async def find(self, name: str, budget: float | None = None) -> jwt.PyJWK | None:
        """The key of that name; one that is not known is looked for, not too often and not too long."""
        if name not in self._keys and (self._fetching or self._clock() - self._tried >= AGAIN_SECONDS):
            patience = PATIENCE_SECONDS if budget is None else min(PATIENCE_SECONDS, budget / 2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.refresh()
        return self._keys.get(name)

    async def _take(self) -> None:
        self._tried = self._clock()
        try:
            answer = await self._fetch()
            keys = dict(_usable(answer.get("keys")))
            issuer = str(answer.get("issuer") or "")
        except InjectorError as error:
            self.problem = error.advice
        except Exception as error:
            # A defect in fetching is no reason to stop answering with the keys that are known.
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
    """Judges tokens."""

    def __init__(self, policy: TokenPolicy, keys: IssuerKeys) -> None:
        self._policy = policy
        self._keys = keys

    async def judge(self, token: str, budget: float | None = None) -> str:
        """Why a token is not accepted, one word; empty where it is. `budget`: seconds the caller waits."""
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
            return next(word for kind, word in _WORDS if isinstance(error, kind))
        return self._unfit(claims)

    @property
    def _issuer(self) -> str:
        """Who has to have issued it; empty where nobody says, which no token may fit."""
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

    def _unfit(self, claims: Mapping[str, Any]) -> str:
        policy = self._policy
        # A token for others as well may have been passed on by one of them.
        if claims["aud"] not in (policy.audience, [policy.audience]):
            return "token-audience"
        if claims["sub"] not in policy.subjects:
            return "token-subject"
        if policy.groups_claim:
            groups = _at(claims, policy.groups_claim.split("/"))
            if not isinstance(groups, list) or not any(g in _PODS for g in groups if isinstance(g, str)):
                return "token-groups"
        return ""


def _at(claims: Any, path: list[str]) -> Any:
    for part in path:
        claims = claims.get(part) if isinstance(claims, Mapping) else None
    return claims
