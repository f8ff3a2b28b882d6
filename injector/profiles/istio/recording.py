"""What annotations and labels of this profile accept, for records that hold no free text of pods.

Here: which accepted values leave no room for free text, and the words that ProxyConfig and levels
are made of. Not here: validation for people (annotations.py), and what is done with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from injector.core.catalogue import Syntax
from injector.profiles.istio import messages, openshift, prometheus, proxyconfig, requestpath, syntax
from injector.profiles.istio.annotations import validate
from injector.profiles.istio.catalogue import ANNOTATIONS, PROXY_CONFIG, CatalogueEntry

# Numbers, amounts, addresses and words of a closed set, by the catalogue's word for them.
_CLOSED: Final = {
    "true or false": syntax.is_one_of("true", "false"),
    "boolean": syntax.is_boolean,
    "quantity": syntax.is_quantity,
    "number": syntax.is_uint32,
    "port": syntax.is_port,
    "port list": syntax.is_port_list,
    "port list or *": syntax.is_port_list_or_star,
    "CIDR list": syntax.is_cidr_list,
    "CIDR list or *": syntax.is_cidr_list_or_star,
    "mode": syntax.is_one_of("REDIRECT", "TPROXY", "NONE"),
    "Envoy level": syntax.is_envoy_level,
}


def _syntax(entry: CatalogueEntry) -> Syntax | None:
    if entry.key == PROXY_CONFIG:
        return Syntax(lambda value: not validate({PROXY_CONFIG: value}, quirks=False))
    closed = _CLOSED.get(entry.type)
    check = entry.strict or entry.check or closed
    return None if check is None else Syntax(check, closed is not None)


def _is_range(value: str) -> bool:
    return value.replace("/", "").replace("-", "").isdecimal()


def _names(kind: Any) -> Iterator[str]:
    """The names of fields and the words of enumerations in a message, as deep as it goes."""
    if isinstance(kind, messages.Enum):
        yield from kind.names
    elif isinstance(kind, messages.Message):
        for name, below in kind.fields.items():
            yield name
            yield from _names(below)
    elif hasattr(kind, "inner"):
        yield from _names(kind.inner)


SYNTAX: Final = {
    **{entry.key: accepted for entry in ANNOTATIONS if (accepted := _syntax(entry))},
    openshift.UID_RANGE: Syntax(_is_range, closed=True),
    openshift.GROUPS: Syntax(_is_range, closed=True),
}
# Variables of the proxy whose presence changes what is injected.
_VARIABLES: Final = frozenset(
    {prometheus.SECURE_ENV, "IPTABLES_TRACE_LOGGING", *map(requestpath.variable, ("cluster", "net"))}
)
WORDS: Final = frozenset(
    {*_names(proxyconfig.PROXY_CONFIG), *syntax.ENVOY_LEVELS, *syntax.AGENT_LEVELS, *_VARIABLES, "distroless"}
)
# Annotations about metrics count in any spelling.
_SPELLINGS: Final = {
    prometheus.normal(entry.key): entry.key for entry in ANNOTATIONS if entry.key.startswith("prometheus.")
}


def of(key: str) -> Syntax | None:
    """What the annotation or label of that name accepts; None where anything may stand."""
    return SYNTAX.get(key) or SYNTAX.get(_SPELLINGS.get(prometheus.normal(key), ""))
