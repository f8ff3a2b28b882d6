"""Tokens that are good, and tokens that are wrong in one way each."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from injector.callers.check import REASONS
from injector.callers.tokens import AGAIN_SECONDS, IssuerKeys, TokenPolicy, Tokens
from injector.errors import ClusterError
from tests.callers.credentials import AUDIENCE, ISSUER, SUBJECT, TOKEN_SECONDS, Signer

SIGNER = Signer.make()
BY_RSA = Signer.make("two", by_rsa=True)
IMPOSTOR = Signer.make()
GROUPS = "kubernetes.io/attestations/admissionReviewAPIGroups"
WANTED = TokenPolicy(AUDIENCE, frozenset({SUBJECT}), ISSUER)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for keys without a budget of its own gets them, however busy the machine is."""
    monkeypatch.setattr("injector.callers.tokens.PATIENCE_SECONDS", 600.0)


def key_set(*signers: Signer, **more: Any) -> dict[str, Any]:
    return {"keys": [signer.published() for signer in signers], **more}


def judged(token: str, wanted: TokenPolicy = WANTED, published: Mapping[str, Any] | None = None) -> str:
    """What is said of a token."""
    jwks = key_set(SIGNER, BY_RSA) if published is None else published

    async def fetch() -> Mapping[str, Any]:
        return jwks

    async def judge() -> str:
        keys = IssuerKeys(fetch)
        await keys.refresh()
        return await Tokens(wanted, keys).check(token)

    word = asyncio.run(judge())
    assert word in ("", *REASONS)
    return word


def forged(header: dict[str, Any], sign: Callable[[bytes], bytes], **claims: Any) -> str:
    """A token that no library would make."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "exp": int(time.time()) + TOKEN_SECONDS,
        **claims,
    }
    head = f"{part(json.dumps(header).encode())}.{part(json.dumps(payload).encode())}"
    return f"{head}.{part(sign(head.encode()))}"


@pytest.mark.parametrize("signer", [SIGNER, BY_RSA])
def test_a_token_of_the_issuer_for_this_audience_alone_is_accepted(signer: Signer) -> None:
    assert judged(signer.token()) == ""
    assert judged(signer.token(aud=AUDIENCE, nbf=None)) == ""


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"iss": "https://elsewhere.example.com"}, "token-issuer"),
        ({"iss": None}, "token-malformed"),
        ({"aud": "https://injector.mesh.svc"}, "token-audience"),
        ({"aud": [f"{AUDIENCE}/"]}, "token-audience"),
        ({"aud": [AUDIENCE, "https://other.example.com"]}, "token-audience"),
        ({"aud": None}, "token-malformed"),
        ({"exp": None}, "token-malformed"),
        ({"sub": "system:serviceaccount:shop:default"}, "token-subject"),
        ({"sub": None}, "token-malformed"),
    ],
)
def test_a_wrong_claim_has_its_word(claims: dict[str, Any], word: str) -> None:
    assert judged(SIGNER.token(**claims)) == word


@pytest.mark.parametrize(
    ("claim", "seconds", "word"), [("exp", -3600, "token-expired"), ("nbf", 3600, "token-not-yet-valid")]
)
def test_a_token_outside_its_time_has_its_word(claim: str, seconds: int, word: str) -> None:
    assert judged(SIGNER.token(**{claim: int(time.time()) + seconds})) == word


def test_what_was_not_signed_by_the_issuers_key_is_refused() -> None:
    assert judged(IMPOSTOR.token()) == "token-signature"
    assert judged(Signer(SIGNER.key, "nobody").token()) == "token-key"
    head, _, _ = SIGNER.token().rpartition(".")
    assert judged(f"{head}.") == "token-signature"
    assert judged("no token at all") == "token-malformed"


def test_a_symmetric_or_missing_algorithm_is_refused() -> None:
    assert judged(forged({"alg": "none", "kid": "one"}, lambda _head: b"")) == "token-key"
    # The public key, taken for a shared secret.
    by_secret = {"alg": "HS256", "kid": BY_RSA.name}
    secret = BY_RSA.public_pem()
    assert judged(forged(by_secret, lambda head: hmac.digest(secret, head, "sha256"))) == "token-key"
    shared = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM"}
    key = base64.urlsafe_b64decode(shared["k"] + "=")
    token = forged(
        {"alg": "HS256", "kid": "shared"}, lambda head: hmac.new(key, head, hashlib.sha256).digest()
    )
    assert judged(token, published={"keys": [shared, SIGNER.published()]}) == "token-key"


@pytest.mark.parametrize(
    ("groups", "word"),
    [
        (["*"], ""),
        ([""], ""),
        (["apps", "*"], ""),
        (["apps"], "token-groups"),
        ([], "token-groups"),
        ("*", "token-groups"),
        ([{}, 1], "token-groups"),
        (None, "token-groups"),
    ],
)
def test_the_attested_groups_are_looked_at_where_a_claim_is_named(groups: Any, word: str) -> None:
    attested = {"kubernetes.io": {"attestations": {"admissionReviewAPIGroups": groups}}}
    wanted = TokenPolicy(AUDIENCE, frozenset({SUBJECT}), ISSUER, GROUPS)
    assert judged(SIGNER.token(**attested), wanted) == word
    assert judged(SIGNER.token(**attested)) == ""
    assert judged(SIGNER.token(**{"kubernetes.io": "text"}), wanted) == "token-groups"


def test_the_issuer_is_that_of_the_keys_where_none_is_set() -> None:
    wanted = TokenPolicy(AUDIENCE, frozenset({SUBJECT}))
    assert judged(SIGNER.token(), wanted, key_set(SIGNER, issuer=ISSUER)) == ""
    assert judged(SIGNER.token(), wanted, key_set(SIGNER, issuer="https://other")) == "token-issuer"
    # Without an issuer anywhere every token is refused.
    assert judged(SIGNER.token(iss=""), wanted, key_set(SIGNER)) == "token-issuer"
    assert judged(SIGNER.token(), wanted, key_set(SIGNER)) == "token-issuer"


class Publishing:
    """An issuer whose keys change, and that may be away; a clock that stands still."""

    def __init__(self, *signers: Signer) -> None:
        self.published: Mapping[str, Any] | None = key_set(*signers)
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.now = 0.0
        self.keys = IssuerKeys(self.fetch, lambda: self.now)

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        await self.open.wait()
        if self.published is None:
            raise ClusterError("no answer", hint="ask again")
        return self.published

    async def says(self, token: str, budget: float | None = None) -> str:
        return await Tokens(WANTED, self.keys).check(token, budget)


def test_a_new_key_is_asked_for_but_not_for_every_token_that_names_one() -> None:
    async def talk() -> None:
        issuer = Publishing(SIGNER)
        await issuer.keys.refresh()
        issuer.published = key_set(SIGNER, BY_RSA)
        for _ in range(3):
            assert await issuer.says(BY_RSA.token()) == "token-key"
        assert issuer.asked == 1
        issuer.now = AGAIN_SECONDS
        assert await issuer.says(BY_RSA.token()) == ""
        assert issuer.asked == 2

    asyncio.run(talk())


def test_the_last_good_keys_stay_while_the_issuer_is_away_or_broken() -> None:
    async def talk() -> None:
        issuer = Publishing(SIGNER)
        assert await issuer.says(SIGNER.token()) == ""
        all_broken: list[Any] = [None, {}, {"keys": []}, {"keys": "x"}, {"keys": [{"kty": "EC"}, 1, None]}]
        for broken in all_broken:
            issuer.published = broken
            await issuer.keys.refresh()
            assert issuer.keys.problem
            assert await issuer.says(SIGNER.token()) == ""
        issuer.published = key_set(BY_RSA)
        await issuer.keys.refresh()
        assert issuer.keys.problem == ""
        assert await issuer.says(SIGNER.token()) == "token-key"

    asyncio.run(talk())


def test_without_keys_every_token_is_refused() -> None:
    async def talk() -> None:
        issuer = Publishing()
        issuer.published = None
        assert await issuer.says(SIGNER.token()) == "keys-unavailable"
        assert (issuer.keys.known, issuer.keys.problem) == (False, "no answer (hint: ask again)")

    asyncio.run(talk())


def test_callers_that_come_while_keys_are_fetched_wait_for_them() -> None:
    async def talk() -> None:
        issuer = Publishing(SIGNER)
        issuer.open.clear()
        first, second = (asyncio.create_task(issuer.says(SIGNER.token())) for _ in range(2))
        while not issuer.asked:
            await asyncio.sleep(0)
        third = asyncio.create_task(issuer.says(SIGNER.token()))
        await asyncio.sleep(0)
        issuer.open.set()
        assert list(await asyncio.gather(first, second, third)) == ["", "", ""]
        assert issuer.asked == 1

    asyncio.run(talk())


def test_a_caller_that_cannot_wait_for_keys_is_refused_and_the_fetch_goes_on() -> None:
    async def talk() -> None:
        issuer = Publishing(SIGNER)
        issuer.open.clear()
        assert await issuer.says(SIGNER.token(), 0.02) == "keys-unavailable"
        patient = asyncio.create_task(issuer.says(SIGNER.token()))
        await asyncio.sleep(0)
        issuer.open.set()
        assert (await patient, issuer.asked) == ("", 1)

    asyncio.run(talk())


@pytest.mark.parametrize("trouble", [FileNotFoundError("token"), KeyError("x")])
def test_a_defect_in_fetching_is_reported_and_the_keys_stay(trouble: Exception) -> None:
    async def talk() -> None:
        issuer = Publishing(SIGNER)
        await issuer.keys.refresh()

        async def fail() -> Mapping[str, Any]:
            raise trouble

        issuer.keys._fetch = fail
        running = asyncio.create_task(issuer.keys.run())
        async with asyncio.timeout(60):
            while not issuer.keys.problem:
                await asyncio.sleep(0)
        assert issuer.keys.problem == f"fetching keys failed unexpectedly: {type(trouble).__name__}"
        assert (await issuer.says(SIGNER.token()), running.done()) == ("", False)
        running.cancel()

    asyncio.run(talk())
