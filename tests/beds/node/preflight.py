"""Says what is missing on this machine for a cluster; installs and changes nothing.

Here: the rights, kernel features, cgroup controllers, Debian packages and Python packages. What the
kernel can do is found by trying it in throw-away namespaces: its configuration is often not to be
read, and modules are loaded by use. Not here: the programs that are built, that is programs/build.py.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.beds.node import cgroups, images
from tests.beds.node.layout import PROGRAMS
from tests.beds.programs import build

# What is run here and the Debian package that has it.
PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "iptables": "iptables",
    "iptables-save": "iptables",
    "ldd": "libc-bin",
}
# Numbers of linux/capability.h. The kubelet, runc and pods use more, which come with these.
CAPABILITIES = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_ADMIN": 21,
    "CAP_MKNOD": 27,
}
TRIAL_SECONDS = 60.0

# The rules of kube-proxy, of the pod network and of a sidecar's traffic capture, by kernel module.
RULES = {
    "xt_REDIRECT": "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 15001",
    "xt_TPROXY": "-t mangle -A PREROUTING -p tcp -j TPROXY --on-port 15006 --tproxy-mark 0x539",
    "xt_connmark": "-t mangle -A OUTPUT -m connmark --mark 0x539 -j CONNMARK --restore-mark",
    "xt_owner": "-t nat -A OUTPUT -m owner --uid-owner 1337 -j RETURN",
    "xt_MASQUERADE": "-t nat -A POSTROUTING -j MASQUERADE",
    "xt_nat": "-t nat -A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1:80",
    "xt_statistic": "-t nat -A OUTPUT -m statistic --mode random --probability 0.5 -j RETURN",
    "xt_comment": "-t nat -A OUTPUT -m comment --comment x -j RETURN",
    "xt_mark": "-t nat -A OUTPUT -j MARK --set-xmark 0x4000/0x4000",
    "xt_addrtype": "-t nat -A OUTPUT -m addrtype --dst-type LOCAL -j RETURN",
    "xt_conntrack": "-t filter -A INPUT -m conntrack --ctstate NEW -j ACCEPT",
}


def reasons() -> list[str]:
    """Return what is missing here, one line each; nothing means that a cluster can be made."""
    if sys.platform != "linux":
        return [f"a cluster runs on Linux only, not on {sys.platform}"]
    if os.geteuid() != 0:
        return ["a cluster needs root"]
    missing = [*_missing_rights(), *_missing_packages(), *_missing_cgroups()]
    return missing or [*_missing_in_kernel()]


def _missing_rights() -> Iterator[str]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            has = int(line.split()[1], 16)
            missing = [name for name, bit in CAPABILITIES.items() if not has >> bit & 1]
            if missing:
                yield f"root lacks {', '.join(missing)}"


def _missing_packages() -> Iterator[str]:
    packages = {package for program, package in PACKAGES.items() if not shutil.which(program)}
    packages.update(build.missing_for_c(PROGRAMS))
    if not images.pause_is_kept() and not shutil.which("gcc"):
        packages.update(["gcc", "libc6-dev"])
    if packages:
        yield f"missing programs: apt-get install {' '.join(sorted(packages))}"
    if not importlib.util.find_spec("cryptography"):
        yield "the Python package cryptography is missing"
    if reason := build.unavailable(PROGRAMS):
        yield reason


def _missing_cgroups() -> Iterator[str]:
    if not cgroups.is_v2() and not (cgroups.ROOT / "memory").exists():
        yield f"no cgroup hierarchies are mounted below {cgroups.ROOT}"
        return
    if missing := cgroups.missing_controllers():
        what = "cgroup controllers are not to be had"
        if cgroups.is_v2():
            what = f"{cgroups.ROOT}/cgroup.subtree_control does not hand down these controllers"
        yield f"{what}: {', '.join(sorted(missing))}"
    if not os.access(cgroups.ROOT if cgroups.is_v2() else cgroups.ROOT / "memory", os.W_OK):
        yield f"{cgroups.ROOT} is mounted read-only"


def _missing_in_kernel() -> list[str]:
    """Try all in namespaces of its own, which end with the process."""
    folder = build.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="preflight-", dir=folder) as scratch:
        command = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        try:
            done = subprocess.run(
                [*command, sys.executable, "-m", "tests.beds.node.preflight", scratch],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
                timeout=TRIAL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return [f"what the kernel can do was not tried out within {TRIAL_SECONDS:g} s"]
    if done.returncode:
        return [f"no new namespaces: {done.stderr.strip()[-200:]}"]
    return done.stdout.splitlines()


def _trial(scratch: Path) -> Iterator[str]:
    yield from _try_command("proc", "mount -t proc proc /proc")
    for name in ("lower", "upper", "work", "merged"):
        (scratch / name).mkdir()
    layers = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
    yield from _try_command("overlay", f"mount -t overlay overlay -o {layers} {scratch}/merged")
    yield from _try_command("veth", "ip link add v0 type veth peer name v1")
    yield from _try_command("bridge", "ip link add b0 type bridge")
    for name, rule in RULES.items():
        yield from _try_command(name, f"iptables -w {rule}")
    if not Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists():
        yield "the kernel lacks br_netfilter (modprobe br_netfilter)"
    if not Path("/dev/kmsg").exists():
        yield "the kubelet needs /dev/kmsg"


def _try_command(what: str, command: str) -> Iterator[str]:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"the kernel lacks {what}: {' '.join(done.stderr.split())[:120]}"


if __name__ == "__main__":
    for reason in _trial(Path(sys.argv[1])):
        print(reason)
