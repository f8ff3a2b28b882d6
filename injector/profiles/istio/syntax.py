"""What texts the values of annotations may be: small readers and checks, each a pure function.

Not here: which annotation takes which of them (annotations.py).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable

from injector.core.pod_fields import are_mounts, are_volumes
from injector.core.quantities import parse
from injector.patterns import pattern
from injector.yamltext import load_json

Check = Callable[[str], bool]

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
# What Go's strings.TrimSpace removes; str.strip() removes U+001C to U+001F as well.
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_DIGITS = pattern(r"[0-9]+")
_PREFIX_LENGTH = pattern(r"0|[1-9][0-9]{0,2}")
_INTERFACE = pattern(r"[a-zA-Z][a-zA-Z0-9_.\-]{0,14}")
ENVOY_LEVELS = ("trace", "debug", "info", "warning", "warn", "error", "err", "critical", "off")
AGENT_LEVELS = ("debug", "info", "warn", "error", "fatal", "none")
_LABEL = pattern(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SCOPE = pattern(r"[A-Za-z0-9_.\-]+")


def boolean_token(text: str) -> bool | None:
    """True or false for one of the twelve accepted words, None for any other text."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def port(text: str) -> int | None:
    """A port from 0 to 65535, blanks around it allowed; None if it is none."""
    return _unsigned(text.strip(_BLANKS), 65535)


def port_list(text: str) -> list[int] | None:
    """Comma separated ports; None if one of them is none. Nothing but blanks is the empty list."""
    if not text.strip(_BLANKS):
        return []
    ports = [port(item) for item in text.split(",")]
    numbers = [number for number in ports if number is not None]
    return numbers if len(numbers) == len(ports) else None


def cidr_list(text: str) -> list[str] | None:
    """Comma separated prefixes such as ``10.0.0.0/8``, without blanks; None if one is none."""
    prefixes = text.split(",") if text else []
    return prefixes if all(_is_prefix(prefix) for prefix in prefixes) else None


def interface_list(text: str) -> list[str] | None:
    """Comma separated names of network interfaces, blanks around them allowed; None if one is none."""
    names = [name.strip(_BLANKS) for name in text.split(",")] if text else []
    return names if all(_INTERFACE.fullmatch(name) for name in names) else None


def _unsigned(text: str, highest: int) -> int | None:
    # Longer digits could still be zeros, but int() is slow on them.
    if not _DIGITS.fullmatch(text) or len(text) > 64:
        return None
    number = int(text)
    return number if number <= highest else None


def _is_prefix(text: str) -> bool:
    address, slash, length = text.rpartition("/")
    if not slash or "%" in address or not _PREFIX_LENGTH.fullmatch(length):
        return False
    try:
        return int(length) <= ipaddress.ip_address(address).max_prefixlen
    except ValueError:
        return False


def is_one_of(*words: str) -> Check:
    """A check that accepts these words alone."""
    return lambda value: value in words


def is_uint32(value: str) -> bool:
    """Whether a text is a number without sign of at most 32 bits."""
    return _unsigned(value, 2**32 - 1) is not None


def is_int32(value: str) -> bool:
    """Whether a text is a number without sign that fits a field of 32 bits with one."""
    return _unsigned(value, 2**31 - 1) is not None


def is_quantity(value: str) -> bool:
    """Whether Kubernetes reads a text as a quantity, and no control character is in it."""
    try:
        parse(value)
    except ValueError:
        return False
    return not any(unicodedata.category(char) == "Cc" for char in value)


def is_port(value: str) -> bool:
    """Whether a text is a port from 0 to 65535."""
    return port(value) is not None


def is_port_list(value: str) -> bool:
    """Whether a text is a comma separated list of ports, which may be empty."""
    return port_list(value) is not None


def is_port_list_or_star(value: str) -> bool:
    """The same, or `*` for all ports."""
    return value == "*" or is_port_list(value)


def is_cidr_list(value: str) -> bool:
    """Whether a text is a comma separated list of prefixes, which may be empty."""
    return cidr_list(value) is not None


def is_cidr_list_or_star(value: str) -> bool:
    """The same, or `*` for all addresses."""
    return value == "*" or is_cidr_list(value)


def is_interface_list(value: str) -> bool:
    """Whether a text is a comma separated list of interface names, which may be empty."""
    return interface_list(value) is not None


def is_boolean(value: str) -> bool:
    """Whether Go's strconv.ParseBool reads a text."""
    return boolean_token(value) is not None


def is_envoy_level(value: str) -> bool:
    """Whether a text is one of Envoy's log levels, or empty."""
    return value in ("", *ENVOY_LEVELS)


def is_component_levels(value: str) -> bool:
    """Whether a text is a list of pairs such as `http:debug`, with levels of Envoy."""
    pairs = [item.partition(":") for item in value.split(",")] if value else []
    return all(_SCOPE.fullmatch(name) and level in ENVOY_LEVELS for name, _, level in pairs)


def is_agent_levels(value: str) -> bool:
    """Whether a text is a list of levels of the agent, each alone or as `scope:level`."""
    # A level alone is that of every scope without one of its own.
    pairs = [item.strip(_BLANKS).rpartition(":") for item in value.split(",")] if value else []
    return all(
        (not colon or _SCOPE.fullmatch(name)) and level in AGENT_LEVELS for name, colon, level in pairs
    )


def _json_object(value: str) -> dict[str, object] | None:
    try:
        tree = load_json(value)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def is_json_object(value: str) -> bool:
    """Whether a text is a JSON object."""
    return _json_object(value) is not None


def is_json_of_volumes(value: str) -> bool:
    """Whether a text is a JSON object of volumes by name."""
    return are_volumes(_json_object(value))


def is_json_of_mounts(value: str) -> bool:
    """Whether a text is a JSON object of mounts by name."""
    return are_mounts(_json_object(value))


def is_word(value: str) -> bool:
    """Whether a text has neither white space nor control characters; it may be empty."""
    return not any(char.isspace() or unicodedata.category(char) == "Cc" for char in value)


def is_tag_part(value: str) -> bool:
    """Whether a text has at most 128 characters, all of which an image tag may have."""
    return re.fullmatch(r"[A-Za-z0-9_.\-]{0,128}", value) is not None


def is_object_name(value: str) -> bool:
    """Whether `value` can be the name of a ConfigMap: a DNS subdomain."""
    labels = value.split(".")
    return len(value) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
