"""Image references: the table of the specification, and what upstream's kube-inject printed."""

from __future__ import annotations

from typing import Any

import pytest

from injector.profiles.istio.images import (
    IMAGE_ANNOTATION,
    TYPE_ANNOTATION,
    Images,
    choose,
    compose,
    override,
    tag_text,
)

RELEASE = "registry.istio.io/release"
GKE = "gcr.io/gke-release/asm"
PRIVATE = "private-repo/istio"
UNUSUAL = "1.12-this-is-unusual-tag"


@pytest.mark.parametrize(
    ("hub", "tag", "configured", "annotated", "expected"),
    [
        (RELEASE, 11, "", None, "11"),
        (RELEASE, 1.12, "distroless", None, "1.12-distroless"),
        (GKE, "1.11.2-asm.17", "", "distroless", "1.11.2-asm.17-distroless"),
        (GKE, "1.11.2-asm.17", "distroless", "debug", "1.11.2-asm.17-debug"),
        (GKE, "1.11.2-asm.17", "debug", "default", "1.11.2-asm.17"),
        (GKE, "1.11.2-asm.17-distroless", "default", None, "1.11.2-asm.17"),
        (GKE, "1.11.2-asm.17-distroless", "", "default", "1.11.2-asm.17"),
        (RELEASE, "1.12-debug", "distroless", None, "1.12-distroless"),
        (RELEASE, "1.12-distroless", "", "distroless", "1.12-distroless"),
        (PRIVATE, UNUSUAL, "", None, UNUSUAL),
        (PRIVATE, f"{UNUSUAL}-distroless", "default", None, UNUSUAL),
        (PRIVATE, UNUSUAL, "", "distroless", f"{UNUSUAL}-distroless"),
    ],
)
def test_the_table_of_the_specification(
    hub: str, tag: str | float, configured: str, annotated: str | None, expected: str
) -> None:
    values = {"hub": hub, "tag": tag}
    annotations = {} if annotated is None else {TYPE_ANNOTATION: annotated}
    assert (
        choose(values, {"image": {"imageType": configured}}, annotations).proxy == f"{hub}/proxyv2:{expected}"
    )


@pytest.mark.parametrize(
    ("variant", "configured", "annotated", "proxy", "init"),
    [
        ("", "", None, "1.2", "1.2"),
        ("debug", "", None, "1.2-debug", "1.2-debug"),
        ("debug", "distroless", None, "1.2-distroless", "1.2-debug"),
        ("", "distroless", None, "1.2-distroless", "1.2"),
        ("debug", "distroless", "", "1.2", "1.2"),
        ("debug", "distroless", "foo", "1.2-foo", "1.2-foo"),
        ("debug", "distroless", "default", "1.2", "1.2"),
        (None, "", None, "1.2", "1.2"),
    ],
)
def test_the_type_of_the_proxy_and_that_of_the_init_container(
    variant: str | None, configured: str, annotated: str | None, proxy: str, init: str
) -> None:
    values = {
        "hub": "h",
        "tag": "1.2",
        "variant": variant,
        "proxy": {"image": "p"},
        "proxy_init": {"image": "i"},
    }
    config: dict[str, Any] = {"image": {"imageType": configured}} if configured else {}
    annotations = {} if annotated is None else {TYPE_ANNOTATION: annotated}
    assert choose(values, config, annotations) == Images(proxy=f"h/p:{proxy}", init=f"h/i:{init}")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"hub": "h", "tag": "t", "proxy": {"image": ""}}, "h/proxyv2:t"),
        ({"hub": "h", "tag": "t", "proxy": {"image": "a/b"}}, "h/a/b:t"),
        ({"hub": "h", "tag": "t", "proxy": None}, "h/proxyv2:t"),
        ({"hub": "a/", "tag": "t"}, "a//proxyv2:t"),
        ({"tag": "t"}, "/proxyv2:t"),
        ({}, "/proxyv2:"),
    ],
)
def test_what_the_values_leave_open(values: dict[str, Any], expected: str) -> None:
    assert choose(values, {}, {}).proxy == expected


@pytest.mark.parametrize(
    ("tag", "image_type", "expected"),
    [
        ("1.12-distroless-debug", "debug", "1.12-distroless-debug"),
        ("1.12-debug-distroless", "debug", "1.12-debug-debug"),
        ("distroless", "debug", "distroless-debug"),
        ("-distroless", "debug", "-debug"),
        ("1.12-debug-distroless", "", "1.12-debug-distroless"),
    ],
)
def test_one_known_suffix_is_replaced(tag: str, image_type: str, expected: str) -> None:
    assert compose("h", "p", tag, image_type) == f"h/p:{expected}"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (1.10, "1.1"),
        (1.0, "1"),
        (11, "11"),
        (0, "0"),
        (-1, "-1"),
        (0.1, "0.1"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (100000, "100000"),
        (999999.5, "999999.5"),
        (1000000, "1e+06"),
        (1000000.5, "1.0000005e+06"),
        (20240101, "2.0240101e+07"),
        (9007199254740993, "9.007199254740992e+15"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (True, "true"),
        ("1.10", "1.10"),
        ("", ""),
    ],
)
def test_a_tag_is_printed_as_upstream_prints_it(tag: str | float, expected: str) -> None:
    assert tag_text(tag) == expected


@pytest.mark.parametrize("tag", [None, [], {}])
def test_a_tag_that_is_neither_text_nor_number_is_refused(tag: Any) -> None:
    with pytest.raises(ValueError, match=r"global\.tag"):
        tag_text(tag)


@pytest.mark.parametrize(
    ("configured", "annotated", "expected"),
    [
        ("proxyv2", None, "composed"),
        ("p/q:1", None, "p/q:1"),
        ("", None, "composed"),
        ("proxyv2", "x/y", "x/y"),
        ("p/q:1", "x/y", "x/y"),
        ("proxyv2", "noslash", "composed"),
        ("p/q:1", "noslash", "composed"),
        ("p/q:1", "", "composed"),
    ],
)
def test_a_whole_reference_replaces_the_composed_image(
    configured: str, annotated: str | None, expected: str
) -> None:
    annotations = {} if annotated is None else {IMAGE_ANNOTATION: annotated}
    assert override("composed", configured, annotations) == expected
