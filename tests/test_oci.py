"""The archives that the beds write are what a container runtime reads; none of this needs root."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from hack.image import oci

NAME = "sidecar.test/example:1"


def an_image(**changes: Any) -> oci.Image:
    entries = [
        oci.Entry("/bin/tool", b"#!", 0o755),
        oci.Entry("/bin/alias", link="tool"),
        oci.Entry("/tmp", mode=0o1777),
        oci.Entry("/etc/settings", b"a=b", owner=1337),
        oci.Entry("/var/empty"),
    ]
    settings: dict[str, Any] = {"name": NAME, "entries": entries, "entrypoint": ["/bin/tool"]}
    return oci.Image(**{**settings, **changes})


def blobs_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        files = ((name, opened.extractfile(name)) for name in opened.getnames())
        return {name: file.read() for name, file in files if file}


def pointed_to(blobs: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    blob = blobs["blobs/" + descriptor["digest"].replace(":", "/")]
    assert (descriptor["digest"], descriptor["size"]) == (
        f"sha256:{hashlib.sha256(blob).hexdigest()}",
        len(blob),
    )
    return blob


def layer_of(archive: Path) -> dict[str, tarfile.TarInfo]:
    blobs = blobs_of(archive)
    index = json.loads(blobs["index.json"])
    manifest = json.loads(pointed_to(blobs, index["manifests"][0]))
    layer = pointed_to(blobs, manifest["layers"][0])
    with tarfile.open(fileobj=io.BytesIO(layer)) as opened:
        return {member.name: member for member in opened.getmembers()}


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    first = oci.write(an_image(), tmp_path / "first.tar").read_bytes()
    reordered = an_image(entries=list(reversed(an_image().entries)))
    assert oci.write(reordered, tmp_path / "second.tar").read_bytes() == first


def test_other_content_gives_another_digest(tmp_path: Path) -> None:
    first = blobs_of(oci.write(an_image(), tmp_path / "first.tar"))
    other = an_image(entries=[oci.Entry("/bin/tool", b"other")])
    assert blobs_of(oci.write(other, tmp_path / "second.tar")).keys() != first.keys()


def test_the_archive_leads_from_the_name_to_the_configuration(tmp_path: Path) -> None:
    image = an_image(user="1000:1000", environment={"KEY": "value"}, command=["--help"])
    blobs = blobs_of(oci.write(image, tmp_path / "image.tar"))
    (described,) = json.loads(blobs["index.json"])["manifests"]
    assert described["annotations"] == {"io.containerd.image.name": NAME}
    manifest = json.loads(pointed_to(blobs, described))
    config = json.loads(pointed_to(blobs, manifest["config"]))
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"] == {
        "Entrypoint": ["/bin/tool"],
        "Cmd": ["--help"],
        "Env": ["KEY=value"],
        "User": "1000:1000",
        "WorkingDir": "/",
    }


def test_files_links_and_folders_keep_their_modes_and_owners(tmp_path: Path) -> None:
    layer = layer_of(oci.write(an_image(), tmp_path / "image.tar"))
    assert {name: (member.type, oct(member.mode), member.uid) for name, member in layer.items()} == {
        "bin": (tarfile.DIRTYPE, "0o755", 0),
        "bin/alias": (tarfile.SYMTYPE, "0o777", 0),
        "bin/tool": (tarfile.REGTYPE, "0o755", 0),
        "etc": (tarfile.DIRTYPE, "0o755", 0),
        "etc/settings": (tarfile.REGTYPE, "0o644", 1337),
        "tmp": (tarfile.DIRTYPE, "0o1777", 0),
        "var": (tarfile.DIRTYPE, "0o755", 0),
        "var/empty": (tarfile.DIRTYPE, "0o755", 0),
    }
    assert layer["bin/alias"].linkname == "tool"
    assert {member.mtime for member in layer.values()} == {0}


def test_a_folder_comes_before_what_is_in_it(tmp_path: Path) -> None:
    names = list(layer_of(oci.write(an_image(), tmp_path / "image.tar")))
    assert all(str(Path(name).parent) in [*names[:place], "."] for place, name in enumerate(names))


def test_the_content_of_a_linked_file_is_packed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"library")
    (tmp_path / "link").symlink_to("target")
    image = an_image(entries=[oci.Entry("/lib/link", tmp_path / "link")])
    member = layer_of(oci.write(image, tmp_path / "image.tar"))["lib/link"]
    assert (member.type, member.size) == (tarfile.REGTYPE, len(b"library"))


@pytest.mark.skipif(sys.platform != "linux", reason="ldd is Linux's")
def test_a_program_brings_the_libraries_that_it_loads() -> None:
    entries = oci.program(Path("/bin/sh").resolve(), "/bin/sh")
    assert entries[0] == oci.Entry("/bin/sh", Path("/bin/sh").resolve(), 0o755)
    assert any("libc" in entry.path for entry in entries[1:])


def test_a_static_program_comes_alone(tmp_path: Path) -> None:
    script = tmp_path / "program"
    script.write_text("#!/bin/true\n")
    assert oci.program(script, "/program") == [oci.Entry("/program", script, 0o755)]
