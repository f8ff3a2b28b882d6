"""Writes container images as OCI archives, without a container engine and without a registry.

Here: the archive that ``ctr images import`` reads, and the shared libraries that a program drags
along. Not here: what goes into which image (tests/beds/node/images.py, tests/beds/mesh).

Equal input gives equal bytes: times are fixed, owners are root, entries are sorted.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Entry:
    """One file, link or folder of an image; `path` is absolute, parents are made as they are needed.

    `content` is the bytes themselves or the file on this machine that holds them (its links are
    followed); `link` is a symbolic link's target; with neither it is a folder. Without `mode` everybody
    may read a file and enter a folder.
    """

    path: str
    content: bytes | Path | None = None
    mode: int | None = None
    link: str | None = None
    owner: int = 0


@dataclass(frozen=True)
class Image:
    """What an archive says besides its files; `user` is numeric, for ``runAsNonRoot``."""

    name: str
    entries: Sequence[Entry]
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    user: str = ""
    folder: str = "/"


def program(source: Path, path: str) -> list[Entry]:
    """Return the entries of an executable and of the libraries that it loads.

    Libraries keep the very names that ldd prints: the loader looks for nothing else. A static
    program has none.
    """
    return [Entry(path, source, 0o755), *(Entry(name, Path(name), 0o755) for name in libraries(source))]


def libraries(source: Path) -> list[str]:
    """Return the absolute paths of the shared libraries that a program or a library loads."""
    done = subprocess.run(["ldd", str(source)], capture_output=True, text=True, check=False)
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)
    if missing:
        raise FileNotFoundError(f"{source}: shared libraries are missing here: {', '.join(missing)}")
    return sorted(set(re.findall(r"(/\S+) \(0x", done.stdout)))


def architecture() -> str:
    """Return the architecture of this machine as images name it."""
    return _MACHINES.get(platform.machine(), platform.machine())


def digest_of(archive: Path) -> str:
    """Return the digest of the image in an archive, as ``sha256:...``."""
    with tarfile.open(archive) as opened:
        index = opened.extractfile("index.json")
        assert index is not None
        (manifest,) = json.load(index)["manifests"]
    return str(manifest["digest"])


def write(image: Image, target: Path) -> Path:
    """Write the archive of an image and return its path; an older one is replaced in one step."""
    layer = _layer(image.entries)
    platform_ = {"architecture": architecture(), "os": "linux"}
    config = {
        **platform_,
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "Env": [f"{name}={value}" for name, value in (image.environment or {}).items()],
            "User": image.user,
            "WorkingDir": image.folder,
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    kinds = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kinds}.manifest.v1+json",
        "config": _described(_json(config), f"{kinds}.config.v1+json"),
        "layers": [_described(layer, f"{kinds}.layer.v1.tar")],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": f"{kinds}.index.v1+json",
        "manifests": [
            {
                **_described(_json(manifest), f"{kinds}.manifest.v1+json"),
                "platform": platform_,
                "annotations": {"io.containerd.image.name": image.name},
            }
        ],
    }
    blobs = {_digest(blob).removeprefix("sha256:"): blob for blob in (layer, _json(config), _json(manifest))}
    partial = target.with_name(f".{target.name}.partial")
    with tarfile.open(partial, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _json(index))
        for name, blob in sorted(blobs.items()):
            _add(archive, f"blobs/sha256/{name}", blob)
    partial.rename(target)
    return target


def _layer(entries: Iterable[Entry]) -> bytes:
    wanted = {entry.path.strip("/"): entry for entry in entries}
    for path in list(wanted):
        for parent in list(Path(path).parents)[:-1]:
            wanted.setdefault(str(parent), Entry(str(parent)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as layer:
        for path, entry in sorted(wanted.items()):
            content = entry.content.read_bytes() if isinstance(entry.content, Path) else entry.content
            _add(layer, path, content, entry)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes | None, entry: Entry | None = None) -> None:
    info = tarfile.TarInfo(path)
    info.mode = 0o644
    info.uid = info.gid = entry.owner if entry else 0
    if entry and entry.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
    elif content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    if entry and entry.mode is not None:
        info.mode = entry.mode
    info.size = len(content or b"")
    archive.addfile(info, io.BytesIO(content or b""))


def _described(blob: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
