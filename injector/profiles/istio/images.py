"""Image references of the injected containers, from hub, name, tag and type.

Not here: pull policies and secrets, and what the annotations may contain (annotations.py).
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from typing import Any

from injector.classes import dataclass
from injector.patterns import pattern

DEFAULT_NAME = "proxyv2"
IMAGE_ANNOTATION = "sidecar.istio.io/proxyImage"
TYPE_ANNOTATION = "sidecar.istio.io/proxyImageType"

_TYPE_SUFFIX = pattern(r"-(?:distroless|debug)\Z")


@dataclass(frozen=True, slots=True)
class Images:
    """The images of the proxy and of the init container."""

    proxy: str
    init: str


def compose(hub: str, name: str, tag: str | int | float, image_type: str) -> str:
    """`<hub>/<name>:<tag>[-<type>]`.

    An empty name is the default one. An empty type leaves the tag as it is; any other replaces a
    suffix -distroless or -debug, and `default` adds none of its own.
    """
    text = tag_text(tag)
    if image_type:
        text = _TYPE_SUFFIX.sub("", text)
        if image_type != "default":
            text = f"{text}-{image_type}"
    return f"{hub}/{name or DEFAULT_NAME}:{text}"


def choose(
    global_values: Mapping[str, Any], config: Mapping[str, Any], annotations: Mapping[str, str]
) -> Images:
    """The composed images for a pod: `ProxyImage` and `ProxyInitImage` of the templates.

    `global_values` is the object under `global`, `config` the effective ProxyConfig. Image names
    with a slash are not looked at here, see `override`.
    """
    variant = global_values.get("variant") or ""
    proxy_type = config.get("image", {}).get("imageType") or variant
    init_type = variant
    if TYPE_ANNOTATION in annotations:
        proxy_type = init_type = annotations[TYPE_ANNOTATION]

    def image(section: str, image_type: str) -> str:
        name = (global_values.get(section) or {}).get("image") or ""
        return compose(global_values.get("hub") or "", name, global_values.get("tag", ""), image_type)

    return Images(proxy=image("proxy", proxy_type), init=image("proxy_init", init_type))


def override(composed: str, configured: str, annotations: Mapping[str, str]) -> str:
    """The image that a container gets: `composed`, unless a whole reference is set.

    That is the annotation, or else the `configured` name, when it has a slash; an annotation
    without one is ignored, and then `configured` does not count either.
    """
    wanted = annotations.get(IMAGE_ANNOTATION, configured)
    return wanted if "/" in wanted else composed


def tag_text(tag: str | int | float) -> str:
    """A tag as upstream prints it: a YAML number goes through a 64-bit float.

    So 1.10 is ``1.1``, and from a million on there is an exponent: 20240101 is ``2.0240101e+07``.
    Raises ValueError for what is neither text nor a number.
    """
    if isinstance(tag, bool):
        return "true" if tag else "false"
    if isinstance(tag, int | float):
        return _float_text(float(tag))
    if not isinstance(tag, str):
        raise ValueError("global.tag: a string or a number is expected; put it in quotes")
    return tag


def _float_text(number: float) -> str:
    exact = decimal.Decimal(repr(number)).normalize()
    exponent = exact.adjusted()
    if number == 0 or -4 <= exponent < 6:
        return format(exact, "f")
    mantissa, _, power = format(exact, "e").partition("e")
    return f"{mantissa}e{power[0]}{power[1:].zfill(2)}"
