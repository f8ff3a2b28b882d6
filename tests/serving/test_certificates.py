"""Which source of certificates the settings ask for, and what does not fit together."""

from __future__ import annotations

import pytest

from injector.config.cross_checks import check_certificates
from injector.config.fields import seconds
from injector.config.schema import read_settings
from injector.errors import ConfigError
from injector.serving.certificates import check_settings


def kind(server: str) -> str:
    return check_certificates(read_settings(f"server: {server}", "injector.yaml").server)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("{tlsCert: a, tlsKey: b}", "files"),
        ("{tlsBundle: a, certificates: {folder: /f, service: a/b}}", "files"),
        ("{certificates: {folder: /f, service: a/b}}", "secret"),
        ("{certificates: {service: a/b}}", "own"),
        ("{tlsCert: a, certificates: {source: own, service: a/b}}", "own"),
        ("{tlsBundle: a, certificates: {publish: 'on', service: a/b, caFile: ca.pem}}", "files"),
    ],
)
def test_the_source_follows_from_what_is_set(server: str, expected: str) -> None:
    assert kind(server) == expected


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("{}", "a certificate is required"),
        ("{certificates: {source: own}}", "the Service of the webhook"),
        ("{certificates: {source: secret}}", "the folder"),
        ("{namespaces: 'off', certificates: {service: a/b}}", "needs a cluster"),
        ("{tlsBundle: a, certificates: {publish: 'on', service: a/b}}", "the CA to publish"),
        ("{tlsBundle: a, certificates: {publish: 'on', caFile: b}}", "the Service of the webhook"),
        ("{certificates: {service: nothing}}", "NAMESPACE/NAME"),
        ("{certificates: {leafLifetime: 1s}}", "duration"),
        ("{certificates: {caLifetime: 1 year}}", "duration"),
        ("{certificates: {source: vault}}", "own"),
        ("{tlsCert: a}", "a certificate chain and its key are required"),
        ("{tlsBundle: /nowhere.pem}", "cannot be read"),
        ("{certificates: {folder: /nowhere}}", "cannot be read"),
    ],
)
def test_settings_that_do_not_fit_are_reported_with_a_hint(server: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        check_settings(read_settings(f"server: {server}", "injector.yaml").server)
    assert caught.value.where
    # A form says what is expected.
    assert caught.value.hint or " is expected" in caught.value.message


def test_durations() -> None:
    assert [seconds(text) for text in ("1h30m", "90m", "5s", "8760h")] == [5400, 5400, 5, 31536000]
