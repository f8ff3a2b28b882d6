"""`injector.patterns`: expressions that are compiled late do what others do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from injector.patterns import pattern
from injector.yamltext import events

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("text", ["", "a1", "b22 c3", "é4"])
def test_every_method_gives_what_a_compiled_expression_gives(text: str) -> None:
    for _ in range(2):  # the first use compiles it
        later, now = pattern(r"([a-z])(\d+)", re.ASCII), re.compile(r"([a-z])(\d+)", re.ASCII)
        for method in ("search", "match", "fullmatch"):
            mine, other = getattr(later, method)(text), getattr(now, method)(text)
            assert (mine and mine.groups()) == (other and other.groups())
        assert later.sub("-", text) == now.sub("-", text)
        assert later.subn("-", text) == now.subn("-", text)
        assert later.split(text) == now.split(text)
        assert later.findall(text) == now.findall(text)
        assert [m.span() for m in later.finditer(text)] == [m.span() for m in now.finditer(text)]
        assert (later.pattern, later.flags, later.groups) == (now.pattern, now.flags, now.groups)


def test_bytes_and_what_does_not_compile() -> None:
    assert pattern(rb"\d").sub(b"x", b"a1") == b"ax"
    with pytest.raises(re.error):
        pattern("(").search("a")
    with pytest.raises(AttributeError):
        pattern("a").nothing  # type: ignore[attr-defined]  # noqa: B018


def test_unreadable_characters_are_those_that_yaml_does_not_print() -> None:
    readable = "\t\n\r\x85" + "".join(
        map(chr, [*range(0x20, 0x7F), *range(0xA0, 0xD800), *range(0xE000, 0xFFFE)])
    )
    assert events._unreadable(readable + "\U00010000\U0010ffff") is None
    others = set(map(chr, range(0x10000))) - set(readable)
    assert all(events._unreadable(f"é{character}{character}") == 1 for character in others)
    ascii_ones = {character for character in others if character.isascii()}
    assert all(events._unreadable_ascii(f"a{character}") == 1 for character in ascii_ones)
    assert events._unreadable_ascii("".join(c for c in readable if c.isascii())) is None


def test_modules_imported_meanwhile_compile_later(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import re\nPATTERN = re.compile('a+')\n")
    code = (
        "import re, sys\nfrom injector.patterns import patterns_later\n"
        f"sys.path.append({str(tmp_path)!r})\n"
        "with patterns_later():\n    import other\n    import re as inside\n"
        "print(type(other.PATTERN).__name__, sys.modules['re'] is re, inside.sub is re.sub)\n"
        "print(other.PATTERN.sub('b', 'caat'), other.PATTERN.flags > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "_Later True True\ncbt True\n"
