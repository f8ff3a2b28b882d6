"""Who is answered: off, audit and enforce, with a certificate, a token, both, or none."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from injector import telemetry
from injector.callers.check import ACCEPTED, LOG_SECONDS, REASONS, Check
from injector.callers.tokens import IssuerKeys, TokenPolicy, Tokens
from tests.callers.credentials import AUDIENCE, ISSUER, SUBJECT, Signer

SIGNER = Signer.make()
NAMES = frozenset({"kube-apiserver", "apiserver.example.com"})


def a_certificate(name: str, *dns: str) -> dict[str, Any]:
    """A verified certificate, as the ssl module returns it."""
    subject = ((("organizationName", "system"),), (("commonName", name),))
    return {"subject": subject, "subjectAltName": tuple(("DNS", each) for each in dns)}


def a_check(*, enforce: bool = True, names: frozenset[str] = NAMES, **more: Any) -> Check:
    async def fetch() -> Mapping[str, Any]:
        return {"keys": [SIGNER.published()]}

    tokens = Tokens(TokenPolicy(AUDIENCE, frozenset({SUBJECT}), ISSUER), IssuerKeys(fetch))
    return Check(enforce=enforce, names=names, tokens=tokens, **more)


def good() -> str:
    """A header with a token that is accepted, made when it is used: tokens expire."""
    return f"Bearer {SIGNER.token()}"


def of_another() -> str:
    """A header with a token of a subject that is not accepted."""
    return f"Bearer {SIGNER.token(sub='somebody')}"


def in_lower_case() -> str:
    """A header that spells its scheme as HTTP allows too."""
    return good().replace("Bearer", "bearer")


def no_header() -> str:
    return ""


def header(text: str) -> Callable[[], str]:
    return lambda: text


@pytest.mark.parametrize(
    ("certificate", "authorization", "expected"),
    [
        (a_certificate("kube-apiserver"), no_header, None),
        (a_certificate("x", "apiserver.example.com"), no_header, None),
        (None, good, None),
        (None, in_lower_case, None),
        (a_certificate("kubelet"), good, None),
        (a_certificate("kubelet"), no_header, (403, "certificate-name")),
        (a_certificate("KUBE-APISERVER", "example.com"), no_header, (403, "certificate-name")),
        (a_certificate("kubelet"), of_another, (403, "token-subject")),
        (None, of_another, (403, "token-subject")),
        (None, no_header, (401, "no-credentials")),
        (None, header("Basic dXNlcjpwYXNz"), (401, "no-credentials")),
        (None, header("Bearer "), (401, "no-credentials")),
        (None, header("Bearer x"), (401, "token-malformed")),
        ({}, no_header, (401, "no-credentials")),
        ({"resumed": True}, good, None),
    ],
)
def test_either_credential_is_enough_and_each_refusal_has_its_word(
    certificate: dict[str, Any] | None, authorization: Callable[[], str], expected: tuple[int, str] | None
) -> None:
    counted: Counter[str] = Counter()
    check = a_check(count=lambda word: counted.update([word]))
    assert asyncio.run(check(certificate, authorization())) == expected
    assert counted == {expected[1] if expected else ACCEPTED: 1}
    assert expected is None or expected[1] in REASONS


def test_audit_counts_who_would_be_refused_and_answers() -> None:
    counted: Counter[str] = Counter()
    check = a_check(enforce=False, count=lambda word: counted.update([word]))
    for authorization in ("", of_another(), good()):
        assert asyncio.run(check(None, authorization)) is None
    assert counted == {"no-credentials": 1, "token-subject": 1, ACCEPTED: 1}


def test_a_certificate_does_not_count_where_none_is_asked_for() -> None:
    check = a_check(names=frozenset())
    assert asyncio.run(check(a_certificate(""), "")) == (401, "no-credentials")


def test_a_token_does_not_count_where_none_is_asked_for() -> None:
    check = Check(enforce=True, names=NAMES)
    assert asyncio.run(check(None, good())) == (401, "no-credentials")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log, as the process would write it to stderr."""
    root, own = logging.getLogger(), logging.getLogger("injector")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    telemetry.log_to("info", stream)
    yield stream
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def test_refusals_are_logged_now_and_then_with_how_many_there_were(lines: io.StringIO) -> None:
    now = [0.0]
    check = a_check(clock=lambda: now[0])
    for _ in range(4):
        asyncio.run(check(None, ""))
    asyncio.run(check(None, of_another()))
    now[0] = LOG_SECONDS
    asyncio.run(check(None, ""))
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(e["reason"], e["times"]) for e in events] == [
        ("no-credentials", 1),
        ("token-subject", 1),
        ("no-credentials", 4),
    ]
    assert SIGNER.token()[:20] not in lines.getvalue()
