"""The image of the injector for the test beds, from this checkout. Not here: what it holds (hack/image).

The tag is a digest of what is inside, so that a change of the code is a new image, which no node
mistakes for the old one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from hack.image import contents, oci
from tests.beds.programs import build

MOST_ARCHIVES = 4


def image() -> tuple[str, Path]:
    """Return the name of the image and its archive, writing that if these contents have none yet."""
    tag = _digest(contents.others(), contents.of_checkout())
    name = f"sidecar.test/injector:{tag}"
    target = build.cache_folder() / "images" / f"injector-{tag}.tar"
    with build.locked(target.with_name("injector.lock"), "writes the image of the injector"):
        if not target.exists():
            _forget_old(target.parent)
            oci.write(contents.image(name, [*contents.others(), *contents.of_checkout()]), target)
    return name, target


def _forget_old(folder: Path) -> None:
    """Remove archives of earlier code; the newest may be in use by another process."""
    archives = sorted(folder.glob("injector-*.tar"), key=lambda path: path.stat().st_mtime)
    for older in archives[:-MOST_ARCHIVES]:
        older.unlink()


def _digest(others: Iterable[contents.Picked], own: Iterable[contents.Picked]) -> str:
    """Return a digest of all that the image is made of.

    What is installed does not change under one version, so that its size stands for its content.
    """
    digest = hashlib.sha256(sys.version.encode())
    for recipe in (Path(contents.__file__), Path(oci.__file__)):
        digest.update(recipe.read_bytes())
    for file in others:
        digest.update(f"{file.path} {file.source.stat().st_size}".encode())
    for file in own:
        digest.update(file.path.encode())
        digest.update(file.source.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    try:
        print(*image())
    except (build.BuildError, contents.ImageError, FileNotFoundError) as error:
        sys.exit(f"injector image: {error}")
