"""The kinds of texts that an injection copies or does not read, whatever they are.

No text of these kinds needs an escape in JSON, at any depth of texts inside of texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from injector.patterns import pattern

TOKEN_VOLUME: Final = "kube-api-access-"
"""The beginning of the names that the API server gives the volumes of ServiceAccounts' tokens."""


class TextKind(StrEnum):
    """The kinds of texts; OWNED is an owner's name with a hash, FOLLOWS what is made of another text."""

    LABEL = "label"
    CONTAINER = "container"
    OWNER = "owner"
    HASH = "hash"
    OWNED = "owned"
    FOLLOWS = "follows"
    PATH = "path"
    TOKEN = "token"
    TIME = "time"
    IMAGE = "image"
    VARIABLE = "variable"
    PLAIN = "plain"
    UID = "uid"
    ASCII = "ascii"


_OF_LABEL: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_OF_CONTAINER: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
# Short enough that nothing cuts it, also with a hash behind it.
_OF_OWNER: Final = r"[a-z0-9](?:[-a-z0-9]{0,44}[a-z0-9])?"
_OF_HASH: Final = r"[a-z0-9]{1,16}"
_OF_PATH: Final = r"/[-A-Za-z0-9_./]{0,200}"
_OF_TOKEN: Final = TOKEN_VOLUME + "[a-z0-9]{5}"
_OF_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_LABEL: Final = pattern(_OF_LABEL).fullmatch
_CONTAINER: Final = pattern(_OF_CONTAINER).fullmatch
_OWNER: Final = pattern(_OF_OWNER).fullmatch
_HASH: Final = pattern(_OF_HASH).fullmatch
_PATH: Final = pattern(_OF_PATH).fullmatch
_TOKEN_VOLUME: Final = pattern(_OF_TOKEN).fullmatch
_TIME: Final = pattern(_OF_TIME, re.ASCII).fullmatch
# The image of a container that a template replaces.
_AUTO: Final = "auto"
_BREAK: Final = "\n"


def is_label(text: Any) -> bool:
    """The value of a label that is not empty."""
    return type(text) is str and _LABEL(text) is not None


def is_container(text: Any) -> bool:
    """The name of a container."""
    return type(text) is str and _CONTAINER(text) is not None


def is_owner(text: Any) -> bool:
    """The name of a workload that is not long."""
    return type(text) is str and _OWNER(text) is not None


def is_hash(text: Any) -> bool:
    """What a controller appends to the name of its owner."""
    return type(text) is str and _HASH(text) is not None


def is_path(text: Any) -> bool:
    """A path of HTTP without escapes or a query."""
    return type(text) is str and _PATH(text) is not None


def is_token_volume(text: Any) -> bool:
    """The name that the API server gives the volume of the ServiceAccount's token."""
    return type(text) is str and _TOKEN_VOLUME(text) is not None


def is_time(text: Any) -> bool:
    """A time as the API server writes it."""
    return type(text) is str and _TIME(text) is not None


def is_image(text: Any) -> bool:
    """The image of a container that no template replaces."""
    return (
        type(text) is str
        and text.isascii()
        and text.isprintable()
        and text == text.strip() not in ("", _AUTO)
    )


def is_plain(text: Any) -> bool:
    """Printable ASCII."""
    return type(text) is str and text.isascii() and text.isprintable()


def are_plain(listed: Any) -> bool:
    """Texts of ASCII, one at least."""
    if type(listed) is not list or not listed:
        return False
    return set(map(type, listed)) == {str} and "".join(listed).isascii()


def variables(listed: list[Any]) -> list[Any]:
    """Of a list of variables those that are more than a name and a text of ASCII."""
    names, values, others = [], [], []
    for entry in listed:
        if type(entry) is dict and len(entry) == 2 and "name" in entry and "value" in entry:
            names.append(entry["name"])
            values.append(entry["value"])
        else:
            others.append(entry)
    # Checked together, as there may be many, and most are plain.
    if names and not (_are_names(names) and are_plain(values)):
        return [entry for entry in listed if not is_variable(entry)]
    return others


def is_variable(entry: Any) -> bool:
    """A variable with a name and a text of ASCII."""
    if type(entry) is not dict or entry.keys() != {"name", "value"}:
        return False
    return _are_names([entry["name"]]) and are_plain([entry["value"]])


def _are_names(listed: list[Any]) -> bool:
    """Names of variables: printable ASCII without an equals sign."""
    if set(map(type, listed)) != {str} or "" in listed:
        return False
    joined = "=".join(listed)
    return joined.isascii() and joined.isprintable() and joined.count("=") == len(listed) - 1


# Printable ASCII that stands in JSON as it is.
_PLAIN: Final = r"[ !#-\[\]-~]"
_VISIBLE: Final = r"[!#-\[\]-~]"
_OF_KINDS: Final[Mapping[TextKind, str]] = {
    TextKind.LABEL: _OF_LABEL,
    TextKind.CONTAINER: _OF_CONTAINER,
    TextKind.OWNER: _OF_OWNER,
    TextKind.HASH: _OF_HASH,
    TextKind.OWNED: f"{_OF_OWNER}-{_OF_HASH}",
    TextKind.PATH: _OF_PATH,
    TextKind.TOKEN: _OF_TOKEN,
    TextKind.TIME: _OF_TIME,
    TextKind.IMAGE: rf"(?!{_AUTO}(?:{_BREAK}|\Z)){_VISIBLE}(?:{_PLAIN}*{_VISIBLE})?",
    TextKind.UID: r"[-0-9A-Za-z]{1,64}",
    TextKind.VARIABLE: r"[ !#-<>-\[\]-~]+",
    TextKind.PLAIN: f"{_PLAIN}*",
    TextKind.ASCII: f"{_PLAIN}*",
    TextKind.FOLLOWS: f"{_PLAIN}*",
}


def check_of(kinds: Sequence[TextKind]) -> Callable[[Sequence[str]], bool]:
    """Whether so many texts are each of its kind, and stand in JSON as they are."""
    # Together, as there are many and a call takes longer than most of them.
    runs = ((kind, len(list(run))) for kind, run in groupby(kinds))
    whole = re.compile("".join(f"(?:{_OF_KINDS[kind]}{_BREAK}){{{count}}}" for kind, count in runs), re.ASCII)
    return lambda listed: whole.fullmatch(_BREAK.join([*listed, ""])) is not None
