"""The images of Istio's own parts, made from built programs: proxyv2, pilot, install-cni.

Here: what is in each, and the cache of the archives. Not here: the archive format (hack/image/oci.py),
the images of test applications and of the injector (applications.py, injector.py).

No base image and no shell: a program, the libraries that it loads under the names that the loader
looks for, and the few files that it reads. ``python -m tests.beds.mesh.images`` makes all and prints the
paths.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from hack.image import oci
from tests.beds.mesh import envoy
from tests.beds.programs import build

HUB = "sidecar.test"
TAG = "1"
PROXY_USER = 1337
PROGRAMS = ("pilot-discovery", "pilot-agent", "istioctl", "istio-cni", "install-cni")

_PATH = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_ACCOUNTS = [
    oci.Entry(
        "/etc/passwd",
        f"root:x:0:0:root:/:/none\nistio-proxy:x:{PROXY_USER}:{PROXY_USER}:istio-proxy:/:/none\n".encode(),
    ),
    oci.Entry("/etc/group", f"root:x:0:\nistio-proxy:x:{PROXY_USER}:\n".encode()),
]
_WRITABLE = [oci.Entry("/tmp", mode=0o1777), oci.Entry("/run", mode=0o755)]


def proxy() -> Path:
    """Return the archive of the sidecar's image, which is the init container's too."""
    programs = build.programs(["pilot-agent"])
    return _archive("proxyv2", [programs["pilot-agent"], envoy.program()], _proxy)


def pilot() -> Path:
    """Return the archive of istiod's image."""
    return _archive("pilot", [build.programs(["pilot-discovery"])["pilot-discovery"]], _pilot)


def install_cni() -> Path:
    """Return the archive of the image that puts the CNI plugin on a node."""
    programs = build.programs(["istio-cni", "install-cni"])
    return _archive("install-cni", list(programs.values()), _install_cni)


def missing_packages() -> list[str]:
    """Return the Debian packages whose files go into the images and that are not here."""
    return [] if _multi("nft") and _multi("legacy") and _plugins() else ["iptables"]


def _proxy(agent: Path, envoy_program: Path) -> oci.Image:
    bootstrap = build.module_folder("istio") / "tools/packaging/common/envoy_bootstrap.json"
    entries = [
        *oci.program(agent, "/usr/local/bin/pilot-agent"),
        *oci.program(envoy_program, "/usr/local/bin/envoy"),
        oci.Entry("/var/lib/istio/envoy/envoy_bootstrap_tmpl.json", bootstrap),
        *_iptables(),
        *_ACCOUNTS,
        *_WRITABLE,
    ]
    return oci.Image(_name("proxyv2"), entries, ["/usr/local/bin/pilot-agent"], environment=_PATH)


def _pilot(discovery: Path) -> oci.Image:
    entries = [*oci.program(discovery, "/usr/local/bin/pilot-discovery"), *_ACCOUNTS, *_WRITABLE]
    user = f"{PROXY_USER}:{PROXY_USER}"
    return oci.Image(
        _name("pilot"), entries, ["/usr/local/bin/pilot-discovery"], environment=_PATH, user=user
    )


def _install_cni(plugin: Path, installer: Path) -> oci.Image:
    entries = [
        *oci.program(installer, "/usr/local/bin/install-cni"),
        # The installer copies the plugin from here to the node.
        oci.Entry("/opt/cni/bin/istio-cni", plugin, 0o755),
        *_iptables(),
        *_ACCOUNTS,
        *_WRITABLE,
    ]
    name = _name("install-cni")
    return oci.Image(
        name, entries, [], ["/usr/local/bin/install-cni"], environment=_PATH, folder="/opt/cni/bin"
    )


def _iptables() -> list[oci.Entry]:
    """Return both kinds of iptables, as istio-iptables tries which of them the kernel can do."""
    entries = [oci.Entry("/etc/protocols", Path("/etc/protocols"))] if Path("/etc/protocols").exists() else []
    for kind in ("nft", "legacy"):
        source = _multi(kind)
        if source is None:
            raise build.BuildError("iptables is missing here: apt-get install iptables")
        program = f"/usr/sbin/xtables-{kind}-multi"
        entries += oci.program(source, program)
        for family in ("iptables", "ip6tables"):
            names = [f"{family}-{kind}{action}" for action in ("", "-save", "-restore")]
            if kind == "nft":
                names += [f"{family}{action}" for action in ("", "-save", "-restore")]
            entries += [oci.Entry(f"/usr/sbin/{name}", link=program) for name in names]
    return entries + [oci.Entry(str(plugin), plugin, 0o755) for plugin in _plugins()]


def _multi(kind: str) -> Path | None:
    path = shutil.which(f"xtables-{kind}-multi", path="/usr/sbin:/usr/bin:/sbin")
    return Path(path).resolve() if path else None


def _plugins() -> list[Path]:
    """Return the plugins of iptables; the program looks for them where they are on this machine."""
    places = (Path("/usr/lib"), *sorted(Path("/usr/lib").glob("*-linux-gnu*")), Path("/usr/lib64"))
    kinds = ("libxt_*.so", "libipt_*.so", "libip6t_*.so")
    return sorted(plugin for place in places for kind in kinds for plugin in place.glob(f"xtables/{kind}"))


def _name(image: str) -> str:
    return f"{HUB}/{image}:{TAG}"


def _archive(name: str, programs: list[Path], make: Callable[..., oci.Image]) -> Path:
    """Return the archive of an image, writing it if one of the same parts is not there yet.

    The programs are known by the names of their folders, which their versions are in. What comes from
    this machine (libraries, iptables) is taken as it is when the archive is first written.
    """
    digest = hashlib.sha256("\n".join(map(str, programs)).encode())
    for source in (Path(__file__), Path(oci.__file__)):
        digest.update(source.read_bytes())
    target = build.cache_folder() / "images" / f"{name}-{digest.hexdigest()[:16]}.tar"
    if not target.exists():
        with build.locked(target.with_suffix(".lock"), f"writes the image {name}"):
            if not target.exists():
                oci.write(make(*programs), target)
    return target


if __name__ == "__main__":
    try:
        for archive in (proxy(), pilot(), install_cni()):
            print(archive)
    except (build.BuildError, FileNotFoundError) as error:
        sys.exit(f"images: {error}")
