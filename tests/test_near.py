"""`injector.near` finds what `difflib` finds, and loads it only where something may be alike."""

from __future__ import annotations

import difflib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.near import close_matches

WORDS = st.text("abcABC-", max_size=12)


@given(WORDS, st.lists(WORDS, max_size=6), st.integers(1, 3), st.sampled_from([0.0, 0.6, 0.75, 0.8, 1.0]))
def test_it_finds_what_difflib_finds(word: str, names: list[str], n: int, cutoff: float) -> None:
    assert close_matches(word, names, n, cutoff) == difflib.get_close_matches(word, names, n, cutoff)


def test_a_name_with_just_enough_letters_is_found() -> None:
    assert close_matches("abcd_", ["abcdX"], cutoff=0.8) == ["abcdX"]


@pytest.mark.parametrize(("name", "loaded"), [("waypoint", False), ("proxi", True)])
def test_difflib_is_loaded_for_names_that_may_be_alike(name: str, loaded: bool) -> None:
    code = (
        "import sys; from injector.light_import import later; later('difflib')\n"
        "from injector.near import close_matches\n"
        f"close_matches({name!r}, ['proxy', 'image'], cutoff=0.8)\n"
        "print('SequenceMatcher' in vars(sys.modules['difflib']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{loaded}\n"
