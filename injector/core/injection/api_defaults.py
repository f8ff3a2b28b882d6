"""Defaults of the API server that change the result of an injection.

The webhook receives a pod with these defaults, a file does not have them. A user's own version of a
container that the templates define too wins field by field; for both to give the same pod it has to
win with the same fields.
"""

from __future__ import annotations

from typing import Any

from injector.core import names
from injector.core.model import Manifest

_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
# Beside those of probes: the defaults of fields of containers and volumes.
_FIELDS: Manifest = {
    **_PROBE,
    "apiVersion": "v1",
    "defaultMode": 420,
    "emptyDir": {},
    "expirationSeconds": 3600,
    "protocol": "TCP",
    "resources": {},
    "scheme": "HTTP",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


def filled_in(theirs: Manifest, ours: Manifest) -> Manifest:
    """The user's version of a container with the defaults of fields that the template sets as well.

    An image `auto` has no tag, and gets the pull policy of such images before it is replaced.
    """
    out = dict(theirs)
    image = theirs.get("image")
    if image and not theirs.get("imagePullPolicy") and (image == "auto" or "imagePullPolicy" in ours):
        out["imagePullPolicy"] = pull_policy(image)
    for field in names.PROBES:
        if theirs.get(field) and field in ours:
            out[field] = {**_PROBE, **{k: v for k, v in theirs[field].items() if v not in (None, 0)}}
    return out if out != theirs else theirs


def pull_policy(image: str) -> str:
    """Always for images without tag and digest, and for the tag `latest`."""
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "IfNotPresent" if at or tag not in ("", "latest") else "Always"


def is_filled_in(pointer: str, value: Any) -> bool:
    """Whether the API server itself writes this value at such a place of a container or a volume.

    The pull policy depends on the image, so that any counts.
    """
    field = pointer.rpartition("/")[2]
    if field == "imagePullPolicy":
        return True
    mounts = value if isinstance(value, list) else [value]
    if "/volumeMounts" in pointer and all(
        isinstance(m, dict) and m.get("mountPath") == TOKENS for m in mounts
    ):
        return True
    return field in _FIELDS and bool(value == _FIELDS[field])
