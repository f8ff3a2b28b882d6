"""What `kube-inject` of one manifest does not load: each module takes time at every start.

In a process of its own, with the templates as a wheel has them.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from hack import ahead, setup

SELDOM: Final = """\
argparse ast base64 calendar csv datetime decimal difflib dis email gettext glob hashlib html http inspect
ipaddress locale logging ntpath numbers pickle platform queue random secrets select shutil signal socket ssl
statistics struct subprocess tempfile textwrap tokenize traceback unittest uuid zipfile
importlib.metadata jinja2.async_utils jinja2.compiler jinja2.environment jinja2.lexer jinja2.nodes
urllib.parse yaml.constructor yaml.loader yaml.parser yaml.scanner
"""
OF_RARE_CASES: Final = """\
cli.passed cli.reporting.finished cli.reporting.formats config.value_schema core.cause_types core.copied
core.injection.namespace_security core.injection.recovery core.injection.reinjection core.other_documents
core.user_info core.validation.pod_security profiles.istio.copied templating.compilation templating.outline
"""
MOST: Final = 215
"""Modules of ours; each takes a fifth of a millisecond."""
RUN: Final = """\
import sys, types
begun = set(sys.modules)
made = types.ModuleType("injector.compiled_templates")
exec(open("made.py").read(), made.__dict__)
sys.modules["injector.compiled_templates"] = made
from injector.cli.main import main
status = main(["kube-inject", "-f", "pod.yaml"])
# One that is loaded later has a function until then, and no code.
waiting = {n for n, m in sys.modules.items() if "__getattr__" in vars(m) and len(vars(m)) < 10}
print(status, *(set(sys.modules) - begun - waiting), file=open("loaded", "w"))
"""
POD: Final = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules whose code has run at the end."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "made.py").write_text(ahead.module_text())
    (folder / "pod.yaml").write_text(POD)
    subprocess.run([sys.executable, "-c", RUN], cwd=folder, env={"PYTHONPATH": str(setup.REPO)}, check=True)
    status, *names = (folder / "loaded").read_text().split()
    assert status == "0"
    return frozenset(names)


def test_the_standard_library_and_others_are_loaded_as_far_as_they_are_used(loaded: frozenset[str]) -> None:
    assert loaded & set(SELDOM.split()) == set()
    assert "jinja2.runtime" in loaded


def test_modules_for_rare_cases_are_not_loaded(loaded: frozenset[str]) -> None:
    assert loaded & {f"injector.{name}" for name in OF_RARE_CASES.split()} == set()
    assert len([name for name in loaded if name.split(".")[0] == "injector"]) <= MOST
