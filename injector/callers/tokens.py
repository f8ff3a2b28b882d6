"""Bearer tokens: JWTs of an issuer whose public keys are known, for us alone.

Here: keys and claims. Not here: what becomes of a caller (check.py).
"""

from __future__ import annotations

import asyncio
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
# Clocks differ.
LEEWAY_SECONDS: Final = 10

# Public keys only: with a shared secret whoever verifies could sign.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

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
class Wanted:
    """What a token has to say. Without `issuer` it is that which publishes the keys.

    `groups_claim` is the path of the claim that lists the API groups whose reviews the bearer may
    send, its parts separated by slashes; empty: it is not asked for.
    """

    audience: str
    subjects: frozenset[str]
    issuer: str = ""
    groups_claim: str = ""


class Keys:
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
        self._fetching = asyncio.Lock()

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
        """Fetch them once."""
        async with self._fetching:
            self._tried = self._clock()
            try:
                found = await self._fetch()
            except InjectorError as error:
                self.problem = str(error)
                return
            keys = dict(_usable(found.get("keys")))
            self.problem = "" if keys else "the key set holds no public key that can be used"
            if keys:
                self._keys, self.issuer = keys, str(found.get("issuer") or "")

    async def find(self, name: str) -> jwt.PyJWK | None:
        """The key of that name; one that is not known is looked for, not too often."""
        if name not in self._keys and self._clock() - self._tried >= AGAIN_SECONDS:
            await self.refresh()
        return self._keys.get(name)


def _usable(keys: Any) -> list[tuple[str, jwt.PyJWK]]:
    found = []
    for raw in keys if isinstance(keys, list) else ():
        try:
            key = jwt.PyJWK.from_dict(raw)
        except (jwt.PyJWTError, TypeError, ValueError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
            found.append((str(key.key_id or ""), key))
    return found


class Tokens:
    """Judges tokens."""

    def __init__(self, wanted: Wanted, keys: Keys) -> None:
        self._wanted = wanted
        self._keys = keys

    async def judge(self, token: str) -> str:
        """Why a token is not accepted, one word; empty where it is."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            return "token-malformed"
        key = await self._keys.find(str(header.get("kid") or ""))
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
        return self._wanted.issuer or self._keys.issuer

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        wanted = self._wanted
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=wanted.audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return found

    def _unfit(self, claims: Mapping[str, Any]) -> str:
        wanted = self._wanted
        # A token for others as well may have been passed on by one of them.
        if claims["aud"] not in (wanted.audience, [wanted.audience]):
            return "token-audience"
        if claims["sub"] not in wanted.subjects:
            return "token-subject"
        if wanted.groups_claim:
            groups = _at(claims, wanted.groups_claim.split("/"))
            if not isinstance(groups, list) or not any(g in _PODS for g in groups if isinstance(g, str)):
                return "token-groups"
        return ""


def _at(claims: Any, path: list[str]) -> Any:
    for part in path:
        claims = claims.get(part) if isinstance(claims, Mapping) else None
    return claims
