"""`injector.light_import`: what is loaded later is the same then. In processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
BEGIN = "import sys\nfrom injector.light_import import CALLED, later, stand_ins\n"
CODE = {
    "a module of a package without the package": (
        "later('jinja2'); import jinja2.runtime\n"
        "print('jinja2.parser' in sys.modules, jinja2.runtime.Macro.__name__)",
        "False Macro",
    ),
    "the package when a name of it is asked for": (
        "later('jinja2'); import jinja2.runtime as runtime\nfrom jinja2 import Environment, Undefined\n"
        "print(Environment().from_string('{{ 1 + 1 }}').render(), runtime.Undefined is Undefined)",
        "2 True",
    ),
    "a module of the standard library": (
        "later('shelve'); import shelve\nbefore = 'open' in vars(shelve)\n"
        "print(before, callable(shelve.open), 'open' in vars(shelve))",
        "False True True",
    ),
    "a name that is not there": (
        "later('shelve'); import shelve\nprint(hasattr(shelve, 'nothing'), hasattr(shelve, 'nothing'), "
        "callable(shelve.open))",
        "False False True",
    ),
    "one that is loaded already": ("import shelve\nlater('shelve')\nprint('open' in vars(shelve))", "True"),
    "one that does not exist": ("later('no_such_module')\nprint('no_such_module' in sys.modules)", "False"),
    "an object of a class that stands in": (
        "with stand_ins({'shelve': {'Shelf': CALLED}}):\n    from shelve import Shelf as stood_in\n"
        "before = isinstance({}, stood_in)\nimport shelve\n"
        "print(before, isinstance(shelve.Shelf({}), stood_in), isinstance({}, stood_in))",
        "False True False",
    ),
    "a macro of Jinja as it is, after the engine was loaded": (
        "import injector.templating, jinja2\ntext = '{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}'\n"
        "print(jinja2.Environment().from_string(text).render())",
        "<1>",
    ),
    "a name that stands in": (
        "with stand_ins({'shelve': {'open': CALLED}}):\n"
        "    from shelve import open as opened\n    import shelve as stub\n"
        "loaded = 'shelve' in sys.modules\nimport shelve\n"
        "print(loaded, opened is shelve.open, isinstance(1, opened), stub.Shelf is shelve.Shelf, "
        "opened is stub.open)",
        "False False False True True",
    ),
    "a class that is made by its stand-in": (
        "with stand_ins({'fractions': {'Fraction': CALLED}}):\n    from fractions import Fraction as made\n"
        "before = 'fractions' in sys.modules\nhalf = made(1, 2)\nimport fractions\n"
        "print(before, half, type(half) is fractions.Fraction)",
        "False 1/2 True",
    ),
    "a value that stands in": (
        "with stand_ins({'shelve': {'open': len}}):\n    from shelve import open as opened\n"
        "import shelve\nprint(opened('abc'), opened is shelve.open)",
        "3 False",
    ),
    "all names meanwhile": (
        "later('yaml'); import yaml\n"
        "with stand_ins({'yaml.reader': {'ReaderError': CALLED}}):\n"
        "    names = {}; exec('from yaml.reader import *', names)\n    loader = yaml.SafeLoader\n"
        "print('Reader' in names, loader.__mro__[1].__name__)",
        "True Reader",
    ),
    "a module that is loaded": (
        "import shelve\nwith stand_ins({'shelve': {'open': len}}):\n    from shelve import open as opened\n"
        "print(opened is shelve.open)",
        "True",
    ),
    "two threads at once": (
        "import threading\nlater('smtplib'); import smtplib\nseen = []\n"
        "ask = lambda: seen.append(smtplib.SMTP)\n"
        "threads = [threading.Thread(target=ask) for _ in range(20)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\nprint(len(seen), len(set(seen)))",
        "20 1",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CODE.values(), ids=CODE)
def test_what_is_loaded_later(code: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (expected, "")
