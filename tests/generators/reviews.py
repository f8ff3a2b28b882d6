"""Request bodies: a review around a pod, the same with damage to its structure, and plain garbage.

Damage is done to the parsed tree (wrong types, missing and unknown fields, strange values) or to
the bytes (cut off, flipped, nested too deep, keys twice, numbers that are none).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from tests.generators.values import SCALARS, tree

Tree = dict[str, Any]

_PATHS: Final = (
    *("/mutate", "/inject", "/inject/"),
    *("/inject/cluster/one/net/two", "/inject/cluster/", "/inject/ISTIO_META_X/a b/\x00", "/inject//"),
    *("/inject/é",),
    *("/inject/" + "a/b/" * 500, "/inject/:ENV:X=1/", "/inject/net/-/cluster/%2f"),
)
_TOKENS: Final[Sequence[bytes]] = (
    *(b"", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xc3\x28"),
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 5000, b"0" * 30, b"1E400", b"-", b"1."),
    *(b'"\\ud800"', b'"\\u0000"', b'"\\q"', b"null", b"true", b"nul", b"/*x*/", b"'a'", b"\n"),
    *(b"\xe2\x80\xa8",),
    *(b'"metadata":[],', b'"spec":{"containers":1},', b'"request":null,', b'{"a":' * 300, b"[" * 300),
)


def draw_path(random: Random) -> str:
    """A request's path, decoded."""
    return _PATHS[0] if random.random() < 0.7 else random.choice(_PATHS)


def draw_review(random: Random, pod: Tree) -> Tree:
    """A review of the API server's making around a pod."""
    request: Tree = {
        "uid": f"{random.getrandbits(128):032x}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": _namespace(random, pod),
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": []},
        "object": pod,
        "oldObject": None,
        "dryRun": random.random() < 0.1,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    if random.random() < 0.1:
        request["name"] = "web"
    if random.random() < 0.03:
        request["operation"] = random.choice(["UPDATE", "DELETE", "CONNECT", "", "create"])
    if random.random() < 0.02:
        request["subResource"] = random.choice(["ephemeralcontainers", "", "status"])
    version = "v1beta1" if random.random() < 0.1 else "v1"
    return {"kind": "AdmissionReview", "apiVersion": f"admission.k8s.io/{version}", "request": request}


def _namespace(random: Random, pod: Tree) -> str:
    """Mostly the pod's own: another one is refused before anything else is looked at."""
    named = (pod.get("metadata") or {}).get("namespace")
    if named and random.random() < 0.95:
        return str(named)
    return random.choice(["shop", "shop", "shop", "shop", "shop", "shop", "kube-system", "odd"])


def damaged(random: Random, review: Tree) -> Tree:
    """The review, changed in place: up to four pieces of another type, gone, doubled or added."""
    for _ in range(random.choice([1, 1, 2, 4])):
        places = _places(review)
        if places:
            random.choice(_ACCIDENTS)(random, *random.choice(places))
    return review


def body_of(random: Random, review: Tree) -> bytes:
    """The bytes of a review: as Go writes them, or in other spellings of the same JSON."""
    roll = random.random()
    if roll < 0.8:
        # Lone surrogates, which UTF-8 cannot hold, need the escapes.
        return json.dumps(review, separators=(",", ":")).encode()
    if roll < 0.9:
        return json.dumps(review, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return json.dumps(review).encode(random.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-be"]))


def garbage(random: Random, body: bytes) -> bytes:
    """The bytes of a review, damaged."""
    at = random.randrange(len(body) + 1)
    token = random.choice(_TOKENS)
    to = random.randrange(at, min(len(body), at + 200) + 1)
    return random.choice(
        (
            lambda: body[:at],
            lambda: body[at:],
            lambda: body[:at] + token + body[at:],
            lambda: body[:at] + token + body[to:],
            lambda: body[:at] + body[to:],
            lambda: body[:at] + body[at:to] * 20 + body[to:],
            lambda: bytes(byte ^ (random.random() < 0.01) << random.randrange(8) for byte in body),
            lambda: body.replace(b'"metadata":', b'"metadata":{"name":"x"},"metadata":', 1),
            lambda: body.replace(b'"object":', b'"object":' + _nested(random) + b',"object":', 1),
            lambda: body.replace(b'"spec":', b'"x":' + b"[" * 150 + b"]" * 150 + b',"spec":', 1),
            lambda: body.replace(b"null", token, 1).replace(b"80", token, 1),
            lambda: bytes(random.randrange(256) for _ in range(random.randrange(300))),
        )
    )()  # fmt: skip


def _nested(random: Random) -> bytes:
    depth = random.choice([100, 190, 5000])
    return b'{"a":' * depth + b"1" + b"}" * depth


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of a tree, as the map or list that holds it and its key there."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in steps for place in ((tree, key), *_places(value))]


def _replace(random: Random, holder: Any, key: Any) -> None:
    holder[key] = random.choice(SCALARS) if random.random() < 0.6 else tree(random)


def _remove(_random: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _wrap(random: Random, holder: Any, key: Any) -> None:
    holder[key] = [holder[key]] if random.random() < 0.5 else {"": holder[key]}


def _double(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        # Through JSON, so that no two places are the same object.
        holder.insert(key, json.loads(json.dumps(holder[key])))
    else:
        holder[random.choice(["x", key + "x", key.upper(), key.capitalize()])] = json.loads(
            json.dumps(holder[key])
        )


def _add(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, list):
        holder.insert(key, tree(random))
    else:
        holder[random.choice(["x", "", "~1/", "kind", "name", "$patch", "metadata", "日本", "\ud800"])] = (
            tree(random)
        )


_ACCIDENTS: Final[Sequence[Callable[[Random, Any, Any], None]]] = (
    _replace,
    _replace,
    _remove,
    _wrap,
    _double,
    _add,
)
