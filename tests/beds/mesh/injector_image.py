"""The injector's own image, made from the Python and the packages that run here.

Here: what goes into it. Not here: running it in a cluster (injector.py), the archive format
(hack/image/oci.py).

The image holds the interpreter with its standard library, the runtime dependencies of the wheel, and
the package with its templates; no tests, no tools, no shell. All of it is compiled, and the bytecode
is taken as it is: a root that is read-only could not keep it, and would pay for it at every start.
The tag is a digest of what is inside, so that a change of the code is a new image, which no node
mistakes for the old one.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from hack.image import oci
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[3]
DISTRIBUTION = "sidecar-injector"
EXTRA = "serve"
USER = 65532
MOST_ARCHIVES = 4

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


@dataclass(frozen=True)
class Picked:
    """One file of this machine and its place in the image."""

    source: Path
    path: str


def image() -> tuple[str, Path]:
    """Return the name of the image and its archive, writing that if these contents have none yet."""
    picked = [*_standard_library(), *_packages(), *_injector()]
    tag = _digest(picked)
    name = f"sidecar.test/injector:{tag}"
    target = build.cache_folder() / "images" / f"injector-{tag}.tar"
    with build.locked(target.with_name("injector.lock"), "writes the image of the injector"):
        if not target.exists():
            _forget_old(target.parent)
            oci.write(_image(name, picked), target)
    return name, target


def _forget_old(folder: Path) -> None:
    """Remove archives of earlier code; the newest may be in use by another process."""
    archives = sorted(folder.glob("injector-*.tar"), key=lambda path: path.stat().st_mtime)
    for older in archives[:-MOST_ARCHIVES]:
        older.unlink()


def _image(name: str, picked: list[Picked]) -> oci.Image:
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


def _injector() -> Iterator[Picked]:
    """Return the package as the wheel lays it out: the templates are inside."""
    for folder, place in (("injector", "injector"), ("templates", "injector/templates")):
        for source in sorted((REPO / folder).rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                yield Picked(source, f"{_PACKAGES}/{place}/{source.relative_to(REPO / folder)}")


def _digest(picked: Iterable[Picked]) -> str:
    """Return a digest of all that the image is made of.

    What is installed does not change under one version, so that its size stands for its content.
    """
    digest = hashlib.sha256(sys.version.encode())
    for own in (Path(__file__), Path(oci.__file__)):
        digest.update(own.read_bytes())
    for file in picked:
        ours = file.source.is_relative_to(REPO / "injector") or file.source.is_relative_to(REPO / "templates")
        digest.update(file.path.encode())
        digest.update(file.source.read_bytes() if ours else str(file.source.stat().st_size).encode())
    return digest.hexdigest()[:12]


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
        # Unchecked: the image cannot change, so Python need not compare with the source.
        command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "-s", scratch, "-p", "/"]
        command += ["--invalidation-mode", "unchecked-hash", scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise build.BuildError(f"injector image: not all of it compiles: {done.stdout.strip()[-500:]}")
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


if __name__ == "__main__":
    try:
        print(*image())
    except (build.BuildError, FileNotFoundError) as error:
        sys.exit(f"injector image: {error}")
