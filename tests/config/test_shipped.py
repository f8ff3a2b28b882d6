"""Templates that are compiled ahead: the same pods, never stale code, and no compiler loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
import yaml

from hack import ahead as written
from injector.cli.world import from_objects
from injector.config import folder, shipped
from injector.config.loading import Overrides, Text, load
from injector.core.injection.pipeline import inject
from injector.errors import InjectorError
from injector.templating import ahead
from injector.templating.compilation import compiled
from injector.templating.render import RenderLimits, Templates, TemplateSource
from injector.templating.unit import CompiledAhead, none_ahead
from tests.test_cases import LAWFUL, Stage, case_of, core_runs, set_up

SOURCES = folder.open_folder(folder.find("istio", None)).sources
SETS: Mapping[str, Mapping[str, str]] = {
    "include, import and macros": {
        "main": '{% from "_parts" import both %}\na: {{ x }}\n{% include "_more" %}\nc: {{ both(1, y) }}\n',
        "_more": "b: {{ y | default('none') }}\n",
        "_parts": "{% set n = namespace(count=0) %}\n{% macro both(a, b) %}{{ a }}-{{ b }}{% endmacro %}\n",
    },
    "an error in an include": {"main": 'a: 1\n\n{% include "_more" %}\n', "_more": "b: 1\nc: {{ x.y.z }}\n"},
    "an error in a macro": {
        "main": '{% from "_m" import m %}\na: 1\nb: {{ m(x) }}\n',
        "_m": "\n\n{% macro m(v) %}{{ v.nothing }}{% endmacro %}\n",
    },
    "too many steps": {"main": "a: 1\n{% for i in range(5000) %}\n  {{ i }}: 1\n{% endfor %}\n"},
    "no YAML": {"main": "a: {{ x }}\n\n b: [1\n"},
}


def module(text: str) -> ModuleType:
    """The module of a text, as an import would give it."""
    made = ModuleType(shipped.MODULE)
    exec(compile(text, "compiled_templates.py", "exec"), made.__dict__)
    return made


@pytest.fixture(scope="module")
def shipped_ahead() -> CompiledAhead:
    return ahead.found_in(module(written.module_text()), shipped.maker())


def plain(code: CodeType) -> tuple[Any, ...]:
    """What code does, without the file and the lines where it stands."""
    constants = [plain(each) if isinstance(each, CodeType) else each for each in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_made_ahead_is_what_is_compiled_at_the_start(name: str, shipped_ahead: CompiledAhead) -> None:
    mine, now = shipped_ahead("mark", SOURCES[name]), compiled("mark", SOURCES[name])
    assert mine is not None
    # The names of the functions differ in the module.
    assert plain(mine.code) == plain(now.code)
    assert (mine.mentions, mine.free, mine.reads) == (now.mentions, now.free, now.reads)


@pytest.mark.parametrize("name", LAWFUL)
def test_golden_cases_get_the_same_pods(name: str, shipped_ahead: CompiledAhead, tmp_path: Path) -> None:
    case = case_of(name)
    set_up(case, tmp_path)
    settings = Text(yaml.safe_dump(case.inject), "inject.yaml") if case.inject else None
    config = load(str(tmp_path / "injector.yaml"), Overrides(inject=settings))
    stage = Stage(config, from_objects([str(tmp_path / "objects.yaml")], ""))
    for template, facts, config in core_runs(case, stage):
        outcomes = []
        for finder in (shipped_ahead, none_ahead):
            templates = Templates(config.templates.sources, config.profile.functions, ahead=finder)
            outcomes.append(outcome_of(template, facts, replace(config, templates=templates)))
        assert outcomes[0] == outcomes[1]


def outcome_of(*arguments: Any) -> tuple[object, ...]:
    # Errors are equal only to themselves.
    outcome = inject(*arguments)
    return replace(outcome, error=None), type(outcome.error), str(outcome.error)


@pytest.mark.parametrize("texts", SETS.values(), ids=SETS)
def test_errors_lines_and_limits_are_the_same(texts: Mapping[str, str]) -> None:
    sources = {name: TemplateSource(name, text, f"{name}.j2") for name, text in texts.items()}
    # Behind others in the module, so that lines have to be counted from where the code begins.
    module_ahead = ahead.found_in(module(ahead.text([SOURCES, sources], "me")), "me")
    assert module_ahead("mark", sources["main"]) is not None
    results = []
    for finder in (module_ahead, none_ahead):
        one = Templates(sources, {}, RenderLimits(steps=3000), ahead=finder)
        try:
            results.append(repr(one.render("main", {"x": {"k": 1}, "y": 2}, "pod")))
        except InjectorError as error:
            results.append(f"{type(error).__name__} {error}")
    assert results[0] == results[1]


def test_nothing_that_differs_from_what_was_compiled_is_served() -> None:
    source = SOURCES["sidecar"]
    text = ahead.text([SOURCES], "this one")
    ours = ahead.found_in(module(text), "this one")
    assert ours("mark", source) is not None
    assert ours("mark", replace(source, text=source.text + " ")) is None
    assert ours("mark", replace(source, name="gateway")) is None
    assert ours("trace", source) is None
    assert ahead.found_in(module(text), "another Jinja")("mark", source) is None


def test_another_compiler_makes_another_maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shipped.maker()
    for package in ("jinja2", "injector.templating"):
        place = Path(sys.modules[package].__path__[0])
        for name in shipped.SOURCES[package]:
            (tmp_path / f"{name}.py").write_bytes((place / f"{name}.py").read_bytes())
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[package], "__path__", [str(tmp_path)])
            assert shipped.maker() == before
            for name in shipped.SOURCES[package]:
                text = (tmp_path / f"{name}.py").read_text()
                (tmp_path / f"{name}.py").write_text(text + "\n")
                assert shipped.maker() != before, name
                (tmp_path / f"{name}.py").write_text(text)


def test_another_python_makes_the_same_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shipped.maker()
    monkeypatch.setattr("importlib._bootstrap_external._RAW_MAGIC_NUMBER", 1)
    assert shipped.maker() == before


def test_the_text_of_the_module_is_the_same_each_time() -> None:
    command = [sys.executable, "-c", "from hack import ahead; print(ahead.module_text(), end='')"]
    texts = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, cwd=written.REPO, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {written.module_text().encode()}


RUN = """\
import sys, types
made = types.ModuleType("injector.compiled_templates")
exec(open(sys.argv[1]).read(), made.__dict__)
sys.modules["injector.compiled_templates"] = made
from injector.cli.main import main
status = main(["kube-inject", "-f", sys.argv[2], "-o", "out.yaml"])
print(status, "jinja2.compiler" in sys.modules, "jinja2.runtime" in sys.modules)
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"


@pytest.mark.parametrize("stale", [False, True], ids=["compiled ahead", "made by another version"])
def test_the_compiler_is_loaded_where_it_is_needed(tmp_path: Path, stale: bool) -> None:
    text = written.module_text()
    (tmp_path / "made.py").write_text(text.replace(shipped.maker(), "another") if stale else text)
    (tmp_path / "pod.yaml").write_text(POD)
    command = [sys.executable, "-c", RUN, "made.py", "pod.yaml"]
    environment = {"PYTHONPATH": str(written.REPO)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == f"0 {stale} True\n", done.stderr
    assert "istio-proxy" in (tmp_path / "out.yaml").read_text()
