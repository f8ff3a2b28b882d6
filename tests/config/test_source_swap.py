"""A configuration in a mounted ConfigMap that kubelet swaps while it is read: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from injector import files
from injector.config import folder, trials
from injector.config.loading import Input, load, load_input
from injector.config.server_settings import ConfigMapSource, IstioSource
from injector.config.source import Source
from injector.core.model import Finding
from injector.core.profile import Config
from injector.errors import ConfigError

FILES = {
    "injector.yaml": "profile: ./profile\nvalues: {{image: 'app:{0}'}}\n"
    "templates: {{own: {{file: own.j2}}}}\n",
    "own.j2": "metadata: {{labels: {{own: '{0}'}}}}\n",
    "profile/profile.yaml": "name: shipper\ndefaultTemplates: [sidecar]\nvalues: {{tag: '{0}'}}\n",
    "profile/sidecar.yaml.j2": "spec: {{containers: [{{name: 'shipper-{0}', image: x}}]}}\n",
}


class Mount:
    """A volume as kubelet writes it: links into `..data`, which is a link that is replaced in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self.swap()
        for name in {Path(name).parts[0] for name in FILES}:
            (path / name).symlink_to(f"..data/{name}")

    def swap(self, **changed: str) -> None:
        """The next version; the folder of the last one is removed, as kubelet does it."""
        self.version += 1
        before, data = self.path / f"..{self.version - 1}", self.path / f"..{self.version}"
        for name, text in {**FILES, **changed}.items():
            file = data / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.format(self.version))
        (self.path / "..new").symlink_to(data.name)
        os.replace(self.path / "..new", self.path / "..data")
        shutil.rmtree(before, ignore_errors=True)

    @property
    def config(self) -> str:
        return str(self.path / "injector.yaml")


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Input]:
    """What was tried out; the processes for it are not started, they have tests of their own."""
    inputs: list[Input] = []
    monkeypatch.setattr("injector.config.source._try_out", lambda source, **_: inputs.append(source))
    return inputs


def before_each_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Call `act` with the number of each file that is about to be read, from 1."""
    named, inside, count = files.read_text, files.read_text_inside, [0]

    def before() -> None:
        count[0] += 1
        act(count[0])

    def reading(path: Path) -> str:
        before()
        return named(path)

    def reading_inside(within: Path, name: str) -> str:
        before()
        return inside(within, name)

    monkeypatch.setattr("injector.config.loading.read_text", reading)
    monkeypatch.setattr(folder, "read_text_inside", reading_inside)


def no_cluster(_namespace: str, _name: str, _key: str) -> str:
    raise AssertionError("no ConfigMap is to be read")


def a_source(mount: Mount) -> Source:
    return Source(mount.config, ConfigMapSource(), IstioSource(), None, no_cluster)


def versions(config: Config) -> set[str]:
    """The versions of all parts of a snapshot."""
    own, sidecar = (config.templates.render(name, {}, "pod") for name in ("own", "sidecar"))
    return {
        config.values["image"].partition(":")[2],
        config.values["tag"],
        own["metadata"]["labels"]["own"],
        sidecar["spec"]["containers"][0]["name"].partition("-")[2],
    }


@pytest.mark.parametrize("number", range(1, 9))
def test_a_swap_between_any_two_reads_gives_one_version(
    number: int, mount: Mount, tried: list[Input], monkeypatch: pytest.MonkeyPatch
) -> None:
    before_each_read(monkeypatch, lambda at: mount.swap() if at == number else None)
    config = a_source(mount).read()
    assert versions(config) == {"2"}
    assert [each.file.text for each in tried] == [FILES["injector.yaml"].format(2)]
    assert config.digest == load(mount.config).digest


@pytest.mark.usefixtures("tried")
def test_a_file_that_the_next_version_has_not_any_more_is_no_failure(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = "profile: ./profile\nvalues: {{image: 'app:{0}'}}\n"
    before_each_read(
        monkeypatch, lambda at: mount.swap(**{"injector.yaml": without, "own.j2": "{{"}) if at == 2 else None
    )
    assert "own" not in a_source(mount).read().templates


def test_a_source_that_keeps_changing_is_refused_with_its_place(
    mount: Mount, tried: list[Input], monkeypatch: pytest.MonkeyPatch
) -> None:
    before_each_read(monkeypatch, lambda _at: mount.swap())
    with pytest.raises(ConfigError, match="changed while it was read") as caught:
        a_source(mount).read()
    assert caught.value.where == mount.config
    assert tried == []


def test_a_broken_source_that_does_not_change_is_reported_as_it_is(mount: Mount, tried: list[Input]) -> None:
    source = a_source(mount)
    good = source.read()
    mount.swap(**{"own.j2": "{{% if %}}"})
    with pytest.raises(ConfigError, match="own"):
        source.read()
    mount.swap()
    assert source.read().digest != good.digest
    assert len(tried) == 2


@pytest.mark.usefixtures("tried")
def test_a_file_that_is_being_written_is_not_taken_for_the_defaults(mount: Mount) -> None:
    source = a_source(mount)
    good = source.read()
    mount.swap(**{"injector.yaml": "\n"})
    with pytest.raises(ConfigError, match="empty now"):
        source.read()
    mount.swap(**{"injector.yaml": FILES["injector.yaml"].format(1).replace("{", "{{").replace("}", "}}")})
    assert source.read().values["image"] == good.values["image"]
    # Who starts with an empty file means the defaults.
    mount.swap(**{"injector.yaml": ""})
    assert a_source(mount).read().profile.name == "istio"


@pytest.mark.parametrize("name", ["profile/profile.yaml", "profile/sidecar.yaml.j2", "own.j2"])
def test_a_file_that_became_empty_is_refused(mount: Mount, tried: list[Input], name: str) -> None:
    source = a_source(mount)
    source.read()
    mount.swap(**{name: ""})
    with pytest.raises(ConfigError) as caught:
        source.read()
    assert (caught.value.message, caught.value.where) == ("the file is empty now", str(mount.path / name))
    assert (source.step, len(tried)) == ("changing", 1)


def test_a_source_that_changes_during_the_dry_run_is_read_again(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FILES["injector.yaml"] + "annotations: [{{deny: [x]}}]\n"
    mount.swap(**{"injector.yaml": whole.partition("annotations")[0]})
    tried: list[str] = []

    def try_out(source: Input, **_: bool) -> None:
        tried.append(source.file.text)
        if len(tried) == 1:
            mount.swap(**{"injector.yaml": whole})

    monkeypatch.setattr("injector.config.source._try_out", try_out)
    assert len(a_source(mount).read().annotation_rules) == 1
    assert ["annotations" in text for text in tried] == [False, True]


def test_only_a_dry_run_beside_admissions_leaves_the_cpu_to_others(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    yielded: list[bool] = []

    def dry_run(_inputs: Input, *, yields: bool, meanwhile: Callable[[], None], **_: object) -> list[Finding]:
        yielded.append(yields)
        meanwhile()
        return []

    monkeypatch.setattr("injector.config.source.dry_run", dry_run)
    source = a_source(mount)
    begun: list[str] = []
    source.meanwhile = lambda: begun.append("libraries")
    source.read()
    assert begun == ["libraries"]
    mount.swap(**{"injector.yaml": FILES["injector.yaml"] + "annotations: [{{deny: [x]}}]\n"})
    source.read()
    assert (yielded, begun) == ([False, True], ["libraries"])


def test_a_source_that_changes_during_each_dry_run_is_refused(
    mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("injector.config.source._try_out", lambda _source, **_: mount.swap())
    source = a_source(mount)
    with pytest.raises(ConfigError, match="changed while it was read"):
        source.read()
    assert source.step == "changing"


def test_the_processes_that_try_it_out_get_the_texts_that_were_read(mount: Mount) -> None:
    source = Input.from_file(mount.config)
    first = load_input(source)
    mount.swap(**{"profile/sidecar.yaml.j2": "{{{{ broken"})
    assert trials.dry_run(source) == []
    assert load_input(source).digest == first.digest
