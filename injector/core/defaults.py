"""What the API server fills in where a container says nothing, as far as it changes an injection.

The webhook sees a pod with these defaults, a file does not have them. A user's own version of a
container that the templates define too wins field by field; for both doors to agree it has to win
with the same fields.
"""

from __future__ import annotations

from injector.core.model import Manifest

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def filled_in(theirs: Manifest, ours: Manifest) -> Manifest:
    """The user's version of a container with the defaults of those fields that ours sets as well.

    An image `auto` has no tag, and gets the pull policy of such images before it is replaced.
    """
    out = dict(theirs)
    image = theirs.get("image")
    if image and not theirs.get("imagePullPolicy") and (image == "auto" or "imagePullPolicy" in ours):
        out["imagePullPolicy"] = pull_policy(image)
    for field in _PROBES:
        if theirs.get(field) and field in ours:
            out[field] = {**_PROBE, **{k: v for k, v in theirs[field].items() if v not in (None, 0)}}
    return out if out != theirs else theirs


def pull_policy(image: str) -> str:
    """Always for images without tag and digest, and for the tag `latest`."""
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "IfNotPresent" if at or tag not in ("", "latest") else "Always"
