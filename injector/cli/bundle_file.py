"""A bundle as a file: it is read once, and its digest is checked before it is parsed.

Not here: what a bundle holds (config).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from injector.classes import dataclass
from injector.cli.report import remark
from injector.config.bundle import Unpacked, unpack
from injector.errors import ConfigError
from injector.files import advice_on, reason_of
from injector.patterns import pattern
from injector.printable import shown, visible

LIMIT: Final = 16 * 1024 * 1024
"""The most bytes that a bundle may have."""
ALGORITHM: Final = "sha256:"
_DIGEST = pattern(r"sha256:[0-9a-f]{64}")
# What follows the last @ is a digest, unless it is rather the end of a file's name.
_REFERENCE = pattern(r"(?P<path>.*)@(?P<digest>|[^/@]*:[^/@]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BundleReference:
    """A bundle as the command line names it: FILE@sha256:DIGEST; the digest may be left out."""

    path: str
    digest: str = ""

    @classmethod
    def parsed(cls, text: str, where: str) -> BundleReference:
        """The reference of a flag. Raises ConfigError."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return cls(text)
        if not _DIGEST.fullmatch(match["digest"]) or not match["path"]:
            hint = "write FILE@sha256: and the 64 hexadecimal digits that 'injector bundle' prints"
            raise ConfigError(f"{shown(text, 128)} has no complete digest", where=where, hint=hint)
        return cls(match["path"], match["digest"])


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A bundle that was read, with its digest."""

    path: str
    digest: str
    unpacked: Unpacked

    @property
    def reference(self) -> str:
        """The bundle, ready to paste behind --bundle."""
        return f"{self.path}@{self.digest}"


def digest_of(data: bytes) -> str:
    """The digest of a bundle."""
    return ALGORITHM + hashlib.sha256(data).hexdigest()


def read(text: str, where: str = "--bundle") -> BundleFile:
    """The bundle that a flag names. Raises ConfigError; nothing is parsed before the digest is right."""
    reference = BundleReference.parsed(text, where)
    path = reference.path
    try:
        with Path(path).open("rb") as file:
            data = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(reason_of(error), where=path, hint=advice_on(error)) from error
    if len(data) > LIMIT:
        raise ConfigError(
            f"a bundle has at most {LIMIT} bytes", where=path, hint="use the file of the bundle"
        )
    digest = digest_of(data)
    if not reference.digest:
        remark(visible(f"{path} has no digest that is checked; use {path}@{digest}"))
    elif reference.digest != digest:
        raise ConfigError(
            f"the digest is {digest}, and {reference.digest} is expected",
            where=path,
            hint="the file was changed: use the one that was reviewed, or the new digest",
        )
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("the bundle is not UTF-8", where=path, hint="pack it again") from error
    return BundleFile(path, digest, unpack(content, path))
