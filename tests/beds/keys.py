"""The keys and certificates of servers in beds and tests, made as the product makes its own.

Here: a CA and what it signs for a server, as files. Not here: the certificates of users of a cluster, which
only a whole node has (node/keys.py).
"""

from __future__ import annotations

import time
from pathlib import Path

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.pair import Pair

YEAR_SECONDS = 365 * 86400.0


def write_server_keys(folder: Path, *names: str, stem: str = "tls") -> None:
    """Write a new CA as ca.crt and ca.key, and for a server of these names `stem`.crt and `stem`.key."""
    wanted, now = CertificateSpec(names, YEAR_SECONDS, YEAR_SECONDS), time.time()
    authority = make_authority(wanted, now)
    _write(folder, "ca", authority)
    _write(folder, stem, sign_leaf(authority, wanted, now))


def _write(folder: Path, stem: str, pair: Pair) -> None:
    (folder / f"{stem}.crt").write_text(pair.chain)
    key = folder / f"{stem}.key"
    key.touch(mode=0o600)
    key.write_text(pair.key)
