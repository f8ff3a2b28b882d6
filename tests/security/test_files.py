"""What a configuration, a profile or a folder may make a command read: what lies in it, and nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from injector import files
from injector.config.loading import Input, Overrides, Text, load, load_input
from injector.config.server_settings import ConfigMapSource, IstioSource
from injector.config.source import Source
from injector.errors import ConfigError
from injector.serving import debug_page
from tests.cli.conftest import DEPLOYMENT, PROFILE, SIDECAR, Run
from tests.cli.conftest import run as run  # the fixture

SECRET = "metadata: {annotations: {leaked: the-private-key}}\n"
OUTSIDE = "outside of the allowed folder"
REVIEW = json.dumps(
    {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web"},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }
)

Setups = dict[str, Callable[["Place"], None]]


class Place:
    """A folder with a configuration and a profile in it, and beside it a secret file."""

    def __init__(self, root: Path) -> None:
        self.secret = root / "elsewhere" / "secret.yaml.j2"
        self.folder, self.profile = root / "own", root / "own" / "profile"
        for made in (self.profile, self.secret.parent, self.folder / "parts"):
            made.mkdir(parents=True)
        self.secret.write_text(SECRET)
        (self.profile / "profile.yaml").write_text(PROFILE)
        (self.profile / "sidecar.yaml.j2").write_text(SIDECAR)
        self.config = self.folder / "injector.yaml"
        self.config.write_text("profile: ./profile\n")
        (root / "web.yaml").write_text(DEPLOYMENT)

    def name(self, file: str) -> None:
        text = {"profile": "./profile", "templates": {"leak": {"file": file}}}
        self.config.write_text(json.dumps({**text, "defaultTemplates": ["sidecar", "leak"]}))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def absolute(place: Place) -> None:
    place.name(str(place.secret))


def upwards(place: Place) -> None:
    place.name("../elsewhere/secret.yaml.j2")


def down_and_up(place: Place) -> None:
    place.name("parts/../../elsewhere/secret.yaml.j2")


def by_a_link(place: Place) -> None:
    (place.folder / "leak.j2").symlink_to(place.secret)
    place.name("leak.j2")


def by_a_relative_link(place: Place) -> None:
    (place.folder / "leak.j2").symlink_to("../elsewhere/secret.yaml.j2")
    place.name("leak.j2")


def by_a_chain_of_links(place: Place) -> None:
    (place.folder / "leak.j2").symlink_to("..data/leak.j2")
    (place.folder / "..data").symlink_to("parts")
    (place.folder / "parts" / "leak.j2").symlink_to(place.secret)
    place.name("leak.j2")


def by_a_linked_folder(place: Place) -> None:
    (place.folder / "shared").symlink_to(place.secret.parent)
    place.name("shared/secret.yaml.j2")


def beside_a_folder_of_a_longer_name(place: Place) -> None:
    other = place.folder.with_name("own-secrets")
    other.mkdir()
    (other / "x.j2").write_text(SECRET)
    place.name("../own-secrets/x.j2")


def at_home(place: Place) -> None:
    place.name("~/secret.yaml.j2")


def from_proc(place: Place) -> None:
    place.name("/proc/self/environ")


NAMED: Setups = {
    setup.__name__: setup
    for setup in (absolute, upwards, down_and_up, by_a_link, by_a_relative_link, by_a_chain_of_links,
                by_a_linked_folder, beside_a_folder_of_a_longer_name, at_home, from_proc)
}  # fmt: skip


@pytest.mark.parametrize("setup", NAMED.values(), ids=NAMED)
def test_a_template_outside_of_the_configurations_folder_is_refused_with_its_line(
    setup: Callable[[Place], None], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place.secret.parent))
    setup(place)
    with pytest.raises(ConfigError, match=OUTSIDE) as caught:
        load(str(place.config))
    assert caught.value.where.startswith(f"{place.config}:1: ")
    assert "move the file to" in caught.value.hint


@pytest.mark.parametrize("target", ["profile.yaml", "sidecar.yaml.j2", "_part.yaml.j2", "more.yaml.j2"])
def test_a_file_of_a_profile_that_is_a_link_out_of_its_folder_is_refused(place: Place, target: str) -> None:
    file = place.profile / target
    outside = place.folder / "outside"
    outside.write_text(file.read_text() if file.exists() else SECRET)
    file.unlink(missing_ok=True)
    file.symlink_to(outside)
    with pytest.raises(ConfigError, match=OUTSIDE) as caught:
        load(str(place.config))
    assert caught.value.where.endswith(str(file))


def test_that_the_configuration_may_read_a_file_does_not_let_the_profile_read_it(place: Place) -> None:
    (place.folder / "shared.j2").write_text("metadata: {}\n")
    (place.profile / "leak.yaml.j2").symlink_to("../shared.j2")
    place.name("profile/leak.yaml.j2")
    with pytest.raises(ConfigError, match=OUTSIDE):
        load(str(place.config))


def as_kubelet(folder: Path) -> None:
    """Move a folder's files to where a kubelet has them: behind two links."""
    data = folder / "..2026_01_01"
    data.mkdir()
    for file in [f for f in folder.iterdir() if f.is_file()]:
        file.rename(data / file.name)
        (folder / file.name).symlink_to(f"..data/{file.name}")
    (folder / "..data").symlink_to(data.name)


def test_links_that_stay_in_the_folder_are_followed(place: Place) -> None:
    (place.folder / "own.j2").write_text(SECRET)
    place.name("own.j2")
    before = load(str(place.config)).digest
    as_kubelet(place.folder)
    as_kubelet(place.profile)
    assert load(str(place.config)).digest == before
    place.name(str(place.folder / "own.j2"))
    assert load(str(place.config)).digest == before
    link = place.folder.with_name("link")
    link.symlink_to(place.folder)
    assert load(str(link / "injector.yaml")).digest == before


def test_a_local_configuration_may_name_a_profile_anywhere(place: Place) -> None:
    moved = place.secret.parent / "profile"
    place.profile.rename(moved)
    for name in (str(moved), "../elsewhere/profile", "./linked"):
        place.config.write_text(f"profile: {name}\n")
        if name == "./linked":
            (place.folder / "linked").symlink_to(moved)
        assert "sidecar" in load(str(place.config)).templates


@pytest.mark.parametrize(
    "name", ["fifo", "folder", "nul\0", "x" * 300, "~nobody-of-that-name/x", "missing", "loop"]
)
def test_a_template_that_is_no_regular_file_is_refused_and_not_waited_for(place: Place, name: str) -> None:
    os.mkfifo(place.folder / "fifo")
    (place.folder / "folder").mkdir()
    (place.folder / "loop").symlink_to("loop")
    place.name(name)
    with pytest.raises(ConfigError) as caught:
        load(str(place.config))
    assert caught.value.where.startswith(f"{place.config}:1: ")


@pytest.mark.parametrize("name", ["./" + "x" * 300, "~nobody-of-that-name/x", "./nul\\0", "/root/of/nobody"])
def test_a_profile_whose_path_cannot_be_is_not_found(place: Place, name: str) -> None:
    place.config.write_text(f'profile: "{name}"\n')
    with pytest.raises(ConfigError, match="profile not found"):
        load(str(place.config))


def test_a_folder_that_becomes_a_link_while_it_is_read_is_not_followed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = place.folder / "parts" / "secret.yaml.j2"
    inside.write_text("metadata: {}\n")
    place.name("parts/secret.yaml.j2")
    real = os.path.realpath

    def resolved_then_swapped(path: Any, **more: Any) -> str:
        resolved = str(real(path, **more))
        if str(path) == str(inside) and not inside.parent.is_symlink():
            inside.parent.rename(place.folder / "before")
            inside.parent.symlink_to(place.secret.parent)
        return resolved

    # Between resolving and opening nothing else can be made to happen from outside.
    monkeypatch.setattr(os.path, "realpath", resolved_then_swapped)
    with pytest.raises(ConfigError) as caught:
        load(str(place.config))
    assert (inside.parent.is_symlink(), caught.value.where) == (True, f"{place.config}:1: {inside}")


# --- configurations without a folder --------------------------------------------------------------


def from_the_cluster(text: str, config: str | None = None) -> Input:
    asked = {("mesh", "injector", "injector.yaml"): text}
    at = ConfigMapSource(namespace="mesh", name="injector")
    return Source(config, at, IstioSource(), None, lambda *key: asked[key]).inputs()


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates: {leak: {file: own.j2}}\n", "a file is not allowed here"),
        ("templates: {leak: {file: /etc/passwd}}\n", "a file is not allowed here"),
        ("profile: ./profile\n", "a path is not allowed here"),
        ("profile: .\n", "a path is not allowed here"),
        ("profile: ..\n", "a path is not allowed here"),
        ("profile: ~/profile\n", "a path is not allowed here"),
        ("profile: PLACE\n", "a path is not allowed here"),
        ("profile: profile\n", "profile not found"),
        ("profile: '~'\n", "profile not found"),
    ],
)
def test_a_configmap_names_no_files_of_the_machine_also_beside_a_local_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, text: str, message: str, local: bool
) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("HOME", str(place.folder))
    (place.folder / "own.j2").write_text(SECRET)
    (place.folder / "profile.yaml").write_text(PROFILE)
    text = text.replace("PLACE", str(place.profile))
    source = from_the_cluster(text, str(place.config) if local else None)
    with pytest.raises(ConfigError, match=message) as caught:
        load_input(source)
    assert caught.value.where.startswith("ConfigMap mesh/injector injector.yaml:1")


def test_a_configmap_has_texts_and_shipped_profiles() -> None:
    config = load_input(from_the_cluster("profile: istio\ntemplates: {own: 'metadata: {}'}\n"))
    assert {"own", "sidecar"} <= set(config.templates)


def test_the_settings_of_a_control_plane_name_no_files(place: Place) -> None:
    (place.folder / "own.j2").write_text(SECRET)
    text = "templates: {own: {file: own.j2}}\nprofile: ./elsewhere\n"
    with pytest.raises(ConfigError):
        load(str(place.config), Overrides(inject=Text(text, "ConfigMap istio"), live=True))


def test_the_debug_page_reads_shipped_profiles_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    for name in ("./profile", "profile", str(place.profile)):
        with pytest.raises(ConfigError):
            debug_page._as_shipped(name)


def test_the_chart_mounts_nothing_else_below_the_folder_of_the_configuration() -> None:
    chart = Path(__file__).parents[2] / "charts" / "injector" / "templates"
    text = (chart / "deployment.yaml").read_text()
    mounts = re.findall(r"mountPath: (\S+)", text)
    folder = str(Path(re.findall(r"--config=(\S+)", text)[0]).parent)
    assert mounts.count(folder) == 1
    assert not [mount for mount in mounts if mount.startswith(f"{folder}/") or folder.startswith(f"{mount}/")]


# --- every command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ["kube-inject", "-f", "web.yaml"],
        ["uninject", "-f", "web.yaml"],
        ["explain", "-f", "web.yaml"],
        ["admit", "-f", "review.json"],
        ["check"],
        ["replay", "records"],
        ["webhook-config", "--service", "mesh/injector"],
        ["serve", "--namespaces", "off", "--tls-bundle", "x.pem"],
    ],
    ids=lambda argv: argv[0],
)
def test_no_command_reads_a_profile_that_leaves_its_folder(
    place: Place, run: Run, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    monkeypatch.chdir(place.folder.parent)
    Path("review.json").write_text(REVIEW)
    (place.profile / "sidecar.yaml.j2").unlink()
    (place.profile / "sidecar.yaml.j2").symlink_to(place.secret)
    ran = run(*argv, "--config", str(place.config))
    assert (ran.status, "the-private-key" in ran.out + ran.err) == (2, False)
    assert OUTSIDE in ran.out + ran.err


# --- folders of manifests --------------------------------------------------------------------------


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `f` with one workload, and a file `secret.yaml` beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f" / "below").mkdir(parents=True)
    (tmp_path / "f" / "web.yaml").write_text(DEPLOYMENT)
    (tmp_path / "secret.yaml").write_text("the-private-key\n")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x.yaml").write_text("the-private-key\n")
    return tmp_path / "f"


def walks(command: str, folder: str) -> list[str]:
    more = ["-f", "f/web.yaml", "--objects"] if command == "--objects" else ["-R", "-f"]
    return ["kube-inject" if command == "--objects" else command, *more, folder]


@pytest.mark.parametrize("command", ["kube-inject", "uninject", "explain", "--objects"])
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("x.yaml", "../secret.yaml"),
        ("below/x.yml", "../../secret.yaml"),
        ("x.json", "/proc/kmsg"),
        ("x.yaml", "/dev/zero"),
        ("more", "../far"),
        ("x.yaml", "below/../../secret.yaml"),
        ("x.yaml", "../not-there.yaml"),
    ],
)
def test_a_link_out_of_a_folder_is_skipped_and_named(
    manifests: Path, run: Run, command: str, link: str, target: str
) -> None:
    (manifests / link).symlink_to(target)
    ran = run(*walks(command, "f"))
    assert f"warning: f/{link}: skipped, as the link leaves f [left-out]\n" in ran.err
    assert (ran.status, "the-private-key" in ran.out + ran.err) == (0, False)


def test_what_a_kubelet_mounts_is_read_and_each_file_once(manifests: Path, run: Run) -> None:
    before = run("kube-inject", "-f", "f")
    as_kubelet(manifests)
    (manifests.parent / "link").symlink_to("f")
    for folder in ("f", "link"):
        after = run("kube-inject", "-f", folder)
        assert (after.status, after.out, "skipped" in after.err) == (0, before.out, False)


def test_fifos_in_a_folder_are_not_waited_for(manifests: Path, run: Run) -> None:
    os.mkfifo(manifests / "fifo.yaml")
    (manifests / "linked.yaml").symlink_to("fifo.yaml")
    assert run("kube-inject", "-f", "f").status == 0


@pytest.mark.usefixtures("manifests")
def test_a_file_that_becomes_a_link_after_the_folder_was_listed_is_not_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.opened_inside

    def swapped(folder: Path, name: str) -> int:
        if name == "web.yaml":
            (folder / name).unlink()
            (folder / name).symlink_to("../secret.yaml")
        return real(folder, name)

    # Between listing and reading nothing else can be made to happen from outside.
    monkeypatch.setattr(files, "opened_inside", swapped)
    ran = run("kube-inject", "-f", "f")
    assert (ran.status, ran.out, "the-private-key" in ran.err) == (1, "", False)
    assert "f/web.yaml: the file is outside of the allowed folder" in ran.err


def test_a_link_that_is_named_itself_is_read(manifests: Path, run: Run) -> None:
    (manifests.parent / "link.yaml").symlink_to("f/web.yaml")
    assert run("kube-inject", "-f", "link.yaml").status == 0


def test_a_replay_reads_the_records_of_its_folder_only(manifests: Path, run: Run) -> None:
    records = manifests.parent / "records"
    records.mkdir()
    (records / "admissions-0000000001.jsonl").write_text("")
    (records / "admissions-0000000002.jsonl").symlink_to("../secret.yaml")
    os.mkfifo(records / "admissions-0000000003.jsonl")
    (manifests.parent / "injector.yaml").write_text("profile: istio\n")
    ran = run("replay", "records", "--config", "injector.yaml")
    skipped = [
        line
        for line in ran.err.splitlines()
        if "skipped, because it is a link that leaves the folder" in line
    ]
    assert (ran.status, len(skipped)) == (0, 2)
