"""Texts of the kinds that plans leave out, and texts of none, at the edges of each kind."""

from __future__ import annotations

LABEL_TEXTS = (
    *(
        "x",
        "X",
        "v1",
        "a.b",
        "a_b",
        "a-b",
        "A" * 63,
        "a" * 45,
        "a" * 46,
        "a" * 47,
        "true",
        "null",
        "0",
        "1e3",
    ),
    *("auto", "istio-proxy", "default", "istio", "canonical", "unknown", "latest", "q7", "u", "x7q", "cart"),
)
NAME_TEXTS = (
    *("x", "a-b", "a0", "0", "9" * 45, "a" * 44, "a" * 45, "a" * 46, "default", "auto", "istio", "cart"),
    *("cart-6d4cf56db6", "job-24000000", "istio-proxy", "a--b", "true", "null"),
)
NO_NAMES = (
    "",
    "-a",
    "a-",
    ".a",
    "a.",
    "a" * 47,
    "a" * 64,
    "A",
    "a.b",
    "a_b",
    "a b",
    "é",
    'a"b',
    "a\\b",
    "</script>",
)
CONTAINER_TEXTS = (
    "x",
    "a-b",
    "z",
    "a" * 63,
    "cart-2",
    "metrics-2",
    "c",
    "m",
    "0",
    "auto",
    "sidecar",
    "app-health",
)
IMAGE_TEXTS = (
    "x",
    "X:1",
    "a/b/c@sha256:" + "0" * 64,
    "$(X)",
    '"',
    "\\",
    "{{ x }}",
    "</script>",
    "istio-proxy",
    "proxyv2",
)
VALUES = (
    "",
    "x",
    "$(X)",
    '"',
    "\\",
    "</script>",
    "a\nb",
    "\x00",
    "\x7f",
    "{{ 1 }}",
    "auto",
    "null",
    "istio-proxy",
)
STRANGE = ("é", "\u2028", "\ud800", "日本", "\x85", "＄")
PLAIN = (" ", "", "x" * 300, '"', "\\", "</script>", "$(X)", "null", "a: b", "'")
NO_PLAIN = (*STRANGE, "\n", "\x00", "\x7f")
