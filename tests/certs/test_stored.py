"""The Secret: what is written is read, and the fields of others stay."""

from __future__ import annotations

import pytest

from injector.certs.issue import CertificateSpec, make_authority
from injector.certs.pair import encoded
from injector.certs.stored import FORMAT_KEY, Stored, read, written
from injector.errors import ConfigError

# Any moment will do.
NOW = 1_800_000_000.0
ONE, TWO, THREE = (make_authority(CertificateSpec(("x",), 1000.0, 100.0), NOW) for _ in range(3))


def test_what_is_written_is_read() -> None:
    for stored in (
        Stored(),
        Stored(next=ONE),
        Stored(ONE, TWO, (THREE.certificate,)),
        Stored(former=(ONE.certificate,)),
    ):
        secret = written(stored, None, "mesh", "hook-ca")
        assert secret["metadata"] | {"annotations": 0, "labels": 0} == {
            "name": "hook-ca",
            "namespace": "mesh",
            "annotations": 0,
            "labels": 0,
        }
        assert read(secret) == stored


def test_what_others_wrote_on_the_secret_stays() -> None:
    before = {"metadata": {"name": "a", "labels": {"x": "y"}, "resourceVersion": "7"}, "immutable": False}
    after = written(Stored(ONE), before, "mesh", "a")
    assert after["immutable"] is False
    assert after["metadata"]["resourceVersion"] == "7"
    assert after["metadata"]["labels"]["x"] == "y"


def test_an_empty_secret_is_taken_over() -> None:
    assert read({"metadata": {"name": "a"}}) == read(None) == Stored()


@pytest.mark.parametrize(
    ("annotations", "words"), [({}, "has other content"), ({FORMAT_KEY: "2"}, "a newer form")]
)
def test_a_secret_of_another_program_is_refused(annotations: dict[str, str], words: str) -> None:
    secret = {"metadata": {"name": "a", "namespace": "b", "annotations": annotations}, "data": {"x": "eA=="}}
    with pytest.raises(ConfigError, match=words) as caught:
        read(secret)
    assert caught.value.where == "Secret b/a"


@pytest.mark.parametrize("key", [TWO.key, ONE.key[:100], ""], ids=["other", "half", "none"])
def test_a_broken_part_is_missing_named_and_its_certificate_is_kept(key: str) -> None:
    secret = written(Stored(ONE, TWO), None, "mesh", "hook-ca")
    secret["data"]["current.key"] = encoded(key)
    stored = read(secret)
    assert (stored.current, stored.next, stored.former) == (None, TWO, (ONE.certificate,))
    (problem,) = stored.problems
    assert problem.where == "Secret mesh/hook-ca current"
    assert problem.hint
