"""The values of the profile with their defaults, and right and wrong values for each, for tests of all keys.

What is wrong is written by the kind of a key alone, not taken from the table that is under test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from injector import yamltext

_FILE: Final = Path(__file__).parents[3] / "templates/istio/profile.yaml"
_WITHOUT_DEFAULT: Final = {
    "global.trustBundleName": str,
    "global.trustDomain": str,
    "global.proxy.capNetBindService": bool,
    "global.proxy.lifecycle": dict,
    "global.proxy.holdApplicationUntilProxyStarts": bool,
    "pilot.crlConfigMapName": str,
}
_MAPS: Final = (
    "global.proxy.resources",
    "global.proxy.seccompProfile",
    "gateways.securityContext",
    "gateways.seccompProfile",
    "pilot.env",
)


def defaults(tree: dict[str, Any] | None = None, path: str = "") -> dict[str, Any]:
    """The default of each key, by dotted path."""
    if tree is None:
        tree = yamltext.load_text(_FILE.read_text(), "profile.yaml")["values"]
    out: dict[str, Any] = {}
    for key, inner in tree.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(inner, dict) and here not in _MAPS:
            out |= defaults(inner, here)
        else:
            out[here] = inner
    return out


DEFAULTS: Final = defaults()


def nested(path: str, value: Any) -> Any:
    """A tree with one value."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


# --- wrong values ---------------------------------------------------------------------------------

_WORDS = st.text("abcxyz", min_size=1, max_size=8)
_FRACTIONS = st.integers(-1000, 1000).map(lambda n: n + 0.5)
_LISTS = st.lists(_WORDS | st.integers(), max_size=2)
_OBJECTS = st.dictionaries(_WORDS, _WORDS | st.integers(), max_size=2)
_WRONG: Final[dict[type, st.SearchStrategy[Any]]] = {
    bool: st.integers() | _FRACTIONS | _WORDS | _LISTS | _OBJECTS | st.sampled_from(["", "True", " true"]),
    int: st.integers(max_value=-1) | st.integers(2**31) | _FRACTIONS | _WORDS | _LISTS | _OBJECTS
    | st.booleans() | st.sampled_from(["", "-1", "01", "1.0", " 1"]),
    str: st.integers() | _FRACTIONS | st.booleans() | _LISTS | _OBJECTS,
    list: st.integers() | _FRACTIONS | st.booleans() | _WORDS | _OBJECTS
    | st.lists(st.integers() | _OBJECTS, min_size=1, max_size=2),
    dict: st.integers() | _FRACTIONS | st.booleans() | _WORDS | _LISTS,
}  # fmt: skip


def wrong(path: str) -> st.SearchStrategy[Any]:
    """Values of another type than that of a key."""
    default = DEFAULTS[path]
    return _WRONG[_WITHOUT_DEFAULT[path] if default is None else type(default)]


# --- right values ---------------------------------------------------------------------------------

_NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{1,12}[a-z0-9]\Z")
_PORT = st.integers(1, 65535)
_PORTS = st.lists(_PORT, min_size=1, max_size=3).map(lambda ports: ",".join(map(str, ports)))
_OCTET = st.integers(0, 255)
_CIDRS = st.lists(
    st.builds("{}.{}.{}.0/{}".format, _OCTET, _OCTET, _OCTET, st.integers(0, 24)), min_size=1, max_size=2
).map(",".join)
_COUNT = st.integers(0, 2**31 - 1)
_IMAGES = st.builds("registry.example.com/{}:{}".format, _NAMES, st.integers(1, 9)) | _NAMES
_SECCOMP = st.sampled_from(
    [{"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "a.json"}]
)
_SPECIAL: Final[dict[str, st.SearchStrategy[Any]]] = {
    "global.tag": st.from_regex(r"\A[0-9a-z][0-9a-z.-]{0,12}\Z"),
    "global.imagePullPolicy": st.sampled_from(["Always", "IfNotPresent", "Never"]),
    "global.imagePullSecrets": st.lists(_NAMES, min_size=1, max_size=3),
    "global.caAddress": st.builds("{}.example.com:{}".format, _NAMES, _PORT),
    "global.caName": _NAMES | st.just("GkeWorkloadCertificate"),
    "global.trustDomain": _NAMES,
    "global.proxy.clusterDomain": _NAMES,
    "global.sts.servicePort": _PORT,
    "global.logging.level": st.sampled_from(["info", "default:debug", "", "ads:error,default:none"]),
    "global.proxy.logLevel": st.sampled_from(
        ["", "trace", "debug", "info", "warn", "err", "critical", "off"]
    ),
    "global.proxy.componentLogLevel": st.sampled_from(["", "upstream:debug", "http:off,misc:trace"]),
    "global.proxy.image": _IMAGES | st.just(""),
    "global.proxy_init.image": _IMAGES | st.just(""),
    "global.proxy.includeIPRanges": _CIDRS | st.just(""),
    "global.proxy.excludeIPRanges": _CIDRS,
    "global.proxy.includeInboundPorts": _PORTS | st.just(""),
    "global.proxy.excludeInboundPorts": _PORTS,
    "global.proxy.includeOutboundPorts": _PORTS,
    "global.proxy.excludeOutboundPorts": _PORTS,
    "global.proxy.statusPort": st.integers(0, 65535),
    "global.proxy.seccompProfile": _SECCOMP,
    "gateways.seccompProfile": _SECCOMP,
    "global.proxy.resources": st.builds(
        lambda kind, name, amount: {kind: {name: amount}},
        st.sampled_from(["requests", "limits"]),
        st.sampled_from(["cpu", "memory"]),
        st.integers(3, 900).map(str),
    ),
    "global.proxy.lifecycle": st.builds(
        lambda hook, word: {hook: {"exec": {"command": [word]}}},
        st.sampled_from(["postStart", "preStop"]),
        _NAMES,
    ),
    "global.proxy.tracer": st.sampled_from(["datadog", "lightstep", "stackdriver", "zipkin"]),
    "pilot.cni.provider": _NAMES | st.just("multus"),
    "pilot.env": st.dictionaries(
        st.sampled_from(["ENABLE_CLUSTER_TRUST_BUNDLE_API", "A"]), st.booleans() | _NAMES, min_size=1
    ),
    "gateways.securityContext": st.builds(lambda user: {"runAsUser": user}, _COUNT),
}


def right(path: str) -> st.SearchStrategy[Any]:
    """Right values other than the default, texts for numbers and booleans among them."""
    default = DEFAULTS[path]
    kind = _WITHOUT_DEFAULT[path] if default is None else type(default)
    by_kind: dict[type, st.SearchStrategy[Any]] = {bool: st.booleans(), int: _COUNT, str: _NAMES}
    values = _SPECIAL[path] if path in _SPECIAL else by_kind[kind]
    other = values.filter(lambda value: value != default)
    if kind in (bool, int):
        return other | other.map(lambda value: str(value).lower())
    return other
