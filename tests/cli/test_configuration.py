"""Which configuration a command uses, without a cluster (with one: tests/apiserver)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from injector.cli.configuration import Wanted, located
from injector.config.config_map_name import config_map_of
from injector.config.folder import Files
from injector.config.loading import Input, Text, load, load_input
from injector.config.server_settings import ConfigMapSource
from injector.errors import ConfigError
from tests.cli.conftest import PROFILE, SIDECAR, Run
from tests.factories import a_review

QUIRKS = "compatibility: {istioQuirks: true}\n"
FILES = ("flag.yaml", "variable.yaml", "injector.yaml")


@pytest.fixture
def files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in each place; each is of a revision with the name of its file."""
    for name in FILES:
        (folder / name).write_text(f"profile: ./logship\nrevision: {name.partition('.')[0]}\n")
    monkeypatch.setenv("INJECTOR_CONFIG", "variable.yaml")
    return folder


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("flag", "removed", "revision", "line"),
    [
        ("flag.yaml", (), "flag", ""),
        (None, (), "variable", "configuration: variable.yaml ($INJECTOR_CONFIG)\n"),
        (None, ("variable",), "injector", "configuration: ./injector.yaml\n"),
        (None, ("variable", "file"), "", "configuration: built-in defaults\n"),
    ],
)
def test_the_first_place_that_has_a_configuration_counts(
    flag: str | None,
    removed: tuple[str, ...],
    revision: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "variable" in removed:
        monkeypatch.delenv("INJECTOR_CONFIG")
    if "file" in removed:
        Path("injector.yaml").unlink()
    chosen = located(Wanted(config_file=flag))
    assert chosen.config().revision == revision
    assert capsys.readouterr().err == line
    assert chosen.is_default == (removed == ("variable", "file"))


@pytest.mark.parametrize("command", ["kube-inject", "explain", "uninject", "check", "webhook-config"])
def test_each_command_names_the_configuration_that_it_was_not_called_with(
    command: str, files: Path, run: Run
) -> None:
    arguments = {"check": (), "webhook-config": ("--service", "mesh/injector")}
    done = run(command, *arguments.get(command, ("-f", "web.yaml")))
    assert done.err.startswith("configuration: variable.yaml ($INJECTOR_CONFIG)\n")
    assert "configuration" not in done.out.splitlines()[0]


def test_admit_takes_no_file_of_the_working_directory(
    files: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INJECTOR_CONFIG")
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "x:1"}]}}
    done = run("admit", "-f", "-", stdin=json.dumps(a_review(pod)))
    assert "configuration: built-in defaults\n" in done.err


def test_quirks_are_not_switched_on_by_a_file_that_the_command_line_does_not_name(
    folder: Path, run: Run
) -> None:
    (folder / "injector.yaml").write_text(QUIRKS)
    done = run("kube-inject", "-f", "web.yaml")
    first, second, *_ = done.err.splitlines()
    assert first == (
        "./injector.yaml is not used, because it sets compatibility.istioQuirks; use --config injector.yaml"
    )
    assert second == "configuration: built-in defaults"


def test_a_broken_file_of_the_working_directory_is_an_error_with_its_place(folder: Path, run: Run) -> None:
    (folder / "injector.yaml").write_text("polcy: enabled\n")
    done = run("kube-inject", "-f", "web.yaml")
    assert done.status == 2
    assert done.err.startswith("error: injector.yaml:1: polcy: ")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("mesh/injector", ("mesh", "injector", "injector.yaml")),
        ("mesh/injector:own.yaml", ("mesh", "injector", "own.yaml")),
        ("mesh/injector/own.yaml", ("mesh", "injector", "own.yaml")),
    ],
)
def test_a_config_map_is_named_with_or_without_its_key(flag: str, expected: tuple[str, str, str]) -> None:
    namespace, name, key = expected
    assert config_map_of(flag) == ConfigMapSource(namespace=namespace, name=name, key=key)


@pytest.mark.parametrize("flag", ["injector", "/injector", "mesh/", ""])
def test_a_config_map_without_namespace_or_name_is_refused(flag: str) -> None:
    with pytest.raises(ConfigError, match="a namespace and a name are expected"):
        config_map_of(flag)


@pytest.mark.usefixtures("folder")
def test_a_configuration_has_one_source(run: Run) -> None:
    done = run("explain", "deploy/web", "--config", "c.yaml", "--config-map", "mesh/injector")
    assert (done.status, done.out) == (1, "")  # no kubeconfig
    done = run("check", "--config", "c.yaml", "--config-map", "mesh/injector")
    assert done.status == 2
    assert "--config cannot be combined with --config-map" in done.err


# --- a folder that is in a ConfigMap ------------------------------------------------------------

WHERE = "ConfigMap mesh/injector"


def in_map(text: str, **files: str) -> Input:
    texts = {"injector.yaml": text, **{name.replace("__", "."): body for name, body in files.items()}}
    return Input(Text(text, f"{WHERE} injector.yaml"), WHERE, files=Files.of(WHERE, texts))


def test_the_files_of_a_config_map_give_the_configuration_of_the_folder_where_it_is_mounted(
    folder: Path,
) -> None:
    (folder / "logship" / "injector.yaml").write_text("profile: ./\ntemplates: {own: {file: own.yaml.j2}}\n")
    (folder / "logship" / "own.yaml.j2").write_text(SIDECAR)
    inputs = in_map(
        "profile: ./\ntemplates: {own: {file: own.yaml.j2}}\n",
        profile__yaml=PROFILE,
        sidecar__yaml__j2=SIDECAR,
        own__yaml__j2=SIDECAR,
    )
    assert load_input(inputs).digest == load(str(folder / "logship" / "injector.yaml")).digest


@pytest.mark.parametrize(
    "text",
    [
        "templates: {own: {file: secret.yaml}}\n",
        "templates: {own: {file: ../secret.yaml}}\n",
        "templates: {own: {file: %s/secret.yaml}}\n",
        "profile: ./logship\n",
        "profile: %s/logship\n",
        "profile: ../logship\n",
    ],
)
def test_a_config_map_reads_no_file_of_this_machine(folder: Path, text: str) -> None:
    (folder / "secret.yaml").write_text("secret: of this machine\n")
    text = text.replace("%s", str(folder))
    with pytest.raises(ConfigError) as refused:
        load_input(in_map(text))
    assert "of this machine" not in str(refused.value)
    assert WHERE in str(refused.value)
