"""Keyed pseudonyms: what a record has where a pod had free text.

The same text under the same key gives the same pseudonym, so names that are equal in the pod are equal
in the record; without the key, guesses cannot be tried out. Not here: which texts are replaced.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Set
from typing import Final

from injector.classes import dataclass
from injector.patterns import pattern

# A pseudonym fits into the name of a port, which has at most 15 characters, and into every other name.
MARK: Final = "p0x"
_DIGITS: Final = 10
_PSEUDONYM = pattern(rf"{MARK}[0-9a-f]{{{_DIGITS}}}", re.ASCII)
_INTEGER = pattern(r"-?[0-9]+", re.ASCII)
_TOKEN = pattern(r"\w+")
_ITEM = pattern(r"[^\s,]+")
_SMALL = pattern(
    r"[0-9]{1,5}(?:[numkKMGTPE]i?|ns|us|ms|s|h)?|(?:[0-9]{1,5}(?:ns|us|ms|s|m|h)){2,4}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonyms of one key; `words` stay literal inside of names."""

    key: bytes
    words: Set[str] = frozenset()

    def free(self, text: str) -> str:
        """For free text: a number for a whole number, else one word; only booleans stay."""
        if text in ("", "true", "false"):
            return text
        if _INTEGER.fullmatch(text):
            sign = "-" if text[0] == "-" else ""
            return sign + self._number(text[len(sign) :])
        return self._word(text)

    def amount(self, number: float) -> float:
        """For a number: a smaller one of its type and sign, so that a port stays a port; 0 and 1 stay."""
        chosen = int(self._digest(f"amount\0{number!r}"), 16)
        if isinstance(number, int):
            size = abs(number)
            return number if size < 2 else (1 + chosen % (size - 1)) * (number // size)
        return number * ((1 + chosen % 998) / 1000)

    def name(self, text: str) -> str:
        """For names, addresses and paths, and lists of them: each part by itself, the rest stays.

        So ``web-7d9`` still contains ``7d9``, a path stays a path, and a port or an amount stays.
        """
        return text if text in self.words else _ITEM.sub(lambda match: self._item(match[0]), text)

    def fingerprint(self) -> str:
        """Equal for files of one key; the key cannot be derived from it."""
        return self._digest("fingerprint\0")[:16]

    def _item(self, text: str) -> str:
        return text if text in self.words else _TOKEN.sub(lambda match: self._part(match[0]), text)

    def _part(self, part: str) -> str:
        if part in self.words or _SMALL.fullmatch(part):
            return part
        # The number in the name of a CronJob's Job must stay a number.
        return self._number(part) if _INTEGER.fullmatch(part) else self._word(part)

    def _word(self, text: str) -> str:
        return MARK + self._digest(f"word\0{text}")[:_DIGITS]

    def _number(self, digits: str) -> str:
        size = min(len(digits), 60)
        return str(int(self._digest(f"number\0{digits}"), 16))[-size:]

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(errors="surrogatepass"), "sha256").hex()


def form(text: str, words: Collection[str]) -> str:
    """A regular expression for the pseudonyms that a name can have under any key."""

    def part(text: str) -> str:
        if text in words or _SMALL.fullmatch(text):
            return re.escape(text)
        return rf"[0-9]{{{min(len(text), 60)}}}" if _INTEGER.fullmatch(text) else _PSEUDONYM.pattern

    def item(text: str) -> str:
        return re.escape(text) if text in words else _between(_TOKEN, text, part)

    return re.escape(text) if text in words else _between(_ITEM, text, item)


def _between(pattern: re.Pattern[str], text: str, of: Callable[[str], str]) -> str:
    """The expression of each match, with the text between them as it is."""
    out, end = "", 0
    for match in pattern.finditer(text):
        out += re.escape(text[end : match.start()]) + of(match[0])
        end = match.end()
    return out + re.escape(text[end:])


def has_pseudonym(text: str) -> bool:
    """Whether a text contains a pseudonym."""
    return MARK in text and _PSEUDONYM.search(text) is not None
