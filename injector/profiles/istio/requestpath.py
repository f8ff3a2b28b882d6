"""What the path of a request sets: cluster, network and other variables (istio-injection 5.4, A.1)."""

from __future__ import annotations

ENV_MARK = ":ENV:"
_KNOWN = {"cluster": "ISTIO_META_CLUSTER_ID", "net": "ISTIO_META_NETWORK"}


def overrides(path: str) -> dict[str, str]:
    """Variables from a decoded path; empty for anything that is not below `/inject/`."""
    path = path.removesuffix("/")
    if not path.startswith("/inject/"):
        return {}
    rest = path.removeprefix("/inject/")
    if rest.startswith(ENV_MARK):
        pairs = [part.partition("=") for part in rest.split(ENV_MARK)]
        return {variable(name): value for name, sign, value in pairs if sign and name}
    parts = rest.split("/")
    keys, values = parts[::2], parts[1::2]
    return {variable(k): v.replace("--slash--", "/") for k, v in zip(keys, values, strict=False) if k}


def variable(key: str) -> str:
    """The variable that a key of the path sets."""
    return _KNOWN.get(key, key.upper())
