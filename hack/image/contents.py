"""What the image of the injector holds where no container engine makes it: files of this machine.

Here: which files, and their bytecode. Not here: the archive format (oci.py), the recipe for a container
engine (Dockerfile).

The image holds the interpreter that runs here with its standard library and the shared libraries that it
loads, the packages that the wheel needs, and the wheel with its templates; no tests, no tools, no shell.
All of it is compiled, as a root that is read-only keeps no bytecode.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from hack.image import oci

REPO = Path(__file__).resolve().parents[2]
DISTRIBUTION = "sidecar-injector"
EXTRA = "serve"
USER = 65532

_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_INTERPRETER = f"/usr/local/bin/{_VERSION}"
_STANDARD = f"/usr/local/lib/{_VERSION}"
_LIBRARIES = "/usr/local/lib"
_PACKAGES = "/app"

# Of the standard library: what is for tests, terminals, windows, and for installing packages.
_LEFT_OUT = (
    "test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|distutils|config-.*|"
    "site-packages|dist-packages|__pycache__"
)
_EXTENSIONS_LEFT_OUT = "_tkinter|_curses|_test|_ctypes_test|readline|nis|_gdbm|_dbm|ossaudio|xx"
_STANDARD_SKIPPED = re.compile(rf"(.*/)?({_LEFT_OUT})/.*|lib-dynload/({_EXTENSIONS_LEFT_OUT}).*")
# Of packages: tests, and what only a compiler reads. Of the Kubernetes client the generated classes,
# 1800 files that the injector never loads.
_PACKAGES_SKIPPED = re.compile(
    r"\.\./.*|/.*|(.*/)?(tests?|testing|__pycache__)/.*|.*\.(pyi|pyx|pxd|pxi|c|h)|.*\.dist-info/RECORD|"
    r"kubernetes/(aio/)?client/(models|api)/(?!__init__).*"
)


class ImageError(Exception):
    """The image cannot be made here; the text is for people."""


@dataclass(frozen=True)
class Picked:
    """One file of this machine and its place in the image."""

    source: Path
    path: str


def image(name: str, picked: Sequence[Picked]) -> oci.Image:
    """The image of these files: `others`, and the package of the injector (`of_checkout`, `of_wheel`)."""
    start = f"#!{_INTERPRETER}\nimport sys\nfrom injector.cli.main import main\nsys.exit(main())\n"
    entries = [
        oci.Entry(_INTERPRETER, Path(sys.executable), 0o755),
        oci.Entry("/usr/local/bin/injector", start.encode(), 0o755),
        oci.Entry("/etc/passwd", f"injector:x:{USER}:{USER}::/:/none\n".encode()),
        oci.Entry("/etc/group", f"injector:x:{USER}:\n".encode()),
        oci.Entry("/tmp", mode=0o1777),
        *_compiled(picked),
        *_shared_libraries(picked),
    ]
    environment = {
        "PATH": "/usr/local/bin",
        "PYTHONPATH": _PACKAGES,
        "LD_LIBRARY_PATH": _LIBRARIES,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    return oci.Image(name, entries, ["/usr/local/bin/injector"], ["serve"], environment, f"{USER}:{USER}")


def others() -> Iterator[Picked]:
    """The files of Python and of the packages that the injector needs."""
    yield from _standard_library()
    yield from _packages()


def _standard_library() -> Iterator[Picked]:
    root = Path(sysconfig.get_path("stdlib"))
    for source in sorted(root.rglob("*")):
        inside = str(source.relative_to(root))
        if source.is_file() and not _STANDARD_SKIPPED.fullmatch(inside) and not inside.endswith(".pyc"):
            yield Picked(source, f"{_STANDARD}/{inside}")


def _packages() -> Iterator[Picked]:
    for distribution in needed():
        for file in distribution.files or ():
            if not _PACKAGES_SKIPPED.fullmatch(str(file)):
                yield Picked(Path(str(file.locate())), f"{_PACKAGES}/{file}")


def needed() -> list[metadata.Distribution]:
    """Return the distributions that the wheel with its extra asks for, as far as they apply here."""
    distributions: dict[str, metadata.Distribution] = {}
    open_ends = [(DISTRIBUTION, EXTRA)]
    while open_ends:
        name, extra = open_ends.pop()
        for text in metadata.requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
                continue
            open_ends += [(wanted.name, more) for more in wanted.extras]
            if wanted.name not in distributions:
                distributions[wanted.name] = metadata.distribution(wanted.name)
                open_ends.append((wanted.name, ""))
    return [distributions[name] for name in sorted(distributions)]


def of_checkout() -> Iterator[Picked]:
    """The package of this checkout, as a wheel lays it out: the templates are inside."""
    for folder, place in (("injector", "injector"), ("templates", "injector/templates")):
        for source in sorted((REPO / folder).rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                yield Picked(source, f"{_PACKAGES}/{place}/{source.relative_to(REPO / folder)}")


def of_wheel(wheel: Path, scratch: Path) -> Iterator[Picked]:
    """The files of a wheel, which are unpacked into an empty folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
    for source in sorted(path for path in scratch.rglob("*") if path.is_file()):
        yield Picked(source, f"{_PACKAGES}/{source.relative_to(scratch)}")


def _compiled(picked: Iterable[Picked]) -> Iterator[oci.Entry]:
    """Return the files, and the bytecode of those that are Python."""
    with tempfile.TemporaryDirectory(prefix="injector-image-") as scratch:
        root = Path(scratch)
        for file in picked:
            yield oci.Entry(file.path, file.source, 0o755 if file.source.suffix == ".so" else 0o644)
            if file.source.suffix == ".py":
                copy = root / file.path.lstrip("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.source.read_bytes())
        # Unchecked: the image cannot change, so Python need not compare with the source. One process and no
        # random hashes: else the same source gives different bytes.
        command = [sys.executable, "-m", "compileall", "-q", "-s", scratch, "-p", "/"]
        command += ["--invalidation-mode", "unchecked-hash", scratch]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ImageError(f"not all of the image compiles: {done.stdout.strip()[-500:]}")
        for made in sorted(root.rglob("*.pyc")):
            yield oci.Entry(f"/{made.relative_to(root)}", made.read_bytes())


def _shared_libraries(picked: Iterable[Picked]) -> Iterator[oci.Entry]:
    """Return what the interpreter and the extension modules load.

    The system's libraries keep their names, as the loader itself has to be where the program says. The
    others, such as libpython of a Python that was built by its user, lie where LD_LIBRARY_PATH says.
    Python ends its threads with the help of libgcc_s, which no ldd shows.
    """
    here = {str(file.source) for file in picked}
    loaders = [Path(sys.executable), *(file.source for file in picked if ".so" in file.source.suffixes)]
    names = {name for loader in loaders for name in oci.libraries(loader)} - here
    system = re.compile(r"/(usr/)?lib(64|32)?/.*")
    folders = {str(Path(name).parent) for name in names if system.fullmatch(name)}
    names |= {str(library) for folder in folders for library in Path(folder).glob("libgcc_s.so.1")}
    for name in sorted(names):
        path = name if system.fullmatch(name) else f"{_LIBRARIES}/{Path(name).name}"
        yield oci.Entry(path, Path(name), 0o755)
