"""Forged annotations: what somebody writes who wants more of an injection than a pod gives.

Status, undo and overrides with names of the templates, of the pod and of nobody, right and wrong
types, and volumes that clash. Not here: values that are hostile as texts (values.py).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from injector.core.model import AnnotationKeys
from injector.pointer import escape
from tests.generators.values import SCALARS, draw_value, nearly, tree

Tree = dict[str, Any]

LISTS: Final = ("initContainers", "containers", "volumes", "imagePullSecrets")
VOLUME: Final = "sidecar.istio.io/userVolume"
MOUNT: Final = "sidecar.istio.io/userVolumeMount"
NEVER: Final = (
    *("hostNetwork", "hostPID", "hostIPC", "os", "nodeName"),
    *("serviceAccountName", "serviceAccount", "priority"),
)
"""Fields of a pod's spec that no annotation changes."""

_NOBODY: Final = ("forged", "nobody", "istio-proxy2", "", "日本", "a/b~c", "x" * 300)
_FIELDS: Final = (
    *("securityContext", "securityContext/fsGroup", "dnsConfig", "dnsConfig/searches", "volumes/0"),
    *("terminationGracePeriodSeconds", "ephemeralContainers", "tolerations", "restartPolicy", "hostAliases"),
    *("priorityClassName", "runtimeClassName", "schedulerName", "fieldNewerThanUs", "hostUsers", "overhead"),
)
_DEEP: Final = (
    *("image", "tty", "name", "env", "env/A", "env/A/value", "args", "args/0", "command", "ports"),
    "ports/80",
    *("volumeMounts", "volumeMounts/~1a", "volumeMounts/~1etc~1istio~1proxy", "volumeMounts/~1a/name"),
    *("livenessProbe", "livenessProbe/httpGet/port", "readinessProbe/httpGet", "resources/limits/cpu"),
    *("securityContext/capabilities/add", "securityContext/runAsUser", "lifecycle", "restartPolicy", "new/x"),
)
_METADATA: Final = (
    *("finalizers", "finalizers/x~1y", "name", "generateName", "namespace", "ownerReferences", "uid"),
    *("managedFields", "creationTimestamp", "labels", "annotations"),
)
_NONSENSE: Final = (
    *("", "/", "//", "~", "spec/containers", "/spec", "/metadata", "/kind", "/status/phase", "/spec/", "/-"),
    *("/spec/containers/", "/spec/containers/-", "/spec/containers/0", "/spec/containers//image", "/~2"),
    "/$x",
    *("/spec/containers/app/../x", "/SPEC/containers", "/spec/Containers/app", "/" * 5000, "/a" * 3000),
)
_PATHS: Final = (
    *("/elsewhere", "/a", "/etc/istio/proxy", "/etc/istio/proxy/below", "/etc/../etc/istio/pod/", "/"),
    *("/var/run/secrets/tokens", "/run/secrets/tokens", "//var//lib/istio/data", "", "x:y", 1),
)


@dataclass(frozen=True, slots=True)
class Forger:
    """What a forger knows: annotations of a profile, its templates, and the names that they give, by list."""

    keys: AnnotationKeys
    known: frozenset[str]
    templates: Sequence[str]
    made: Mapping[str, frozenset[str]]

    def forge(self, random: Random, pod: Tree) -> None:
        """Write forged annotations on a pod, most of them together with a status."""
        if not isinstance(pod.get("metadata"), dict):
            pod["metadata"] = {}
        meta = pod["metadata"]
        written = dict(meta.get("annotations") or {})
        draw = _Draw(random, self, pod)
        makers: list[tuple[float, str, Callable[[], str]]] = [
            (0.9, self.keys.status, lambda: draw.status(written.get(self.keys.status))),
            (0.75, self.keys.undo, lambda: draw.undo(written.get(self.keys.undo))),
            (0.4, self.keys.overrides, draw.overrides),
            (
                0.2,
                self.keys.templates,
                lambda: ",".join(random.choices(self.templates, k=random.randint(1, 2))),
            ),
        ]
        if VOLUME in self.known:
            makers += [(0.2, VOLUME, draw.user_volumes), (0.2, MOUNT, draw.user_mounts)]
        for share, key, make in makers:
            if random.random() < share:
                text = make()
                written[key] = nearly(random, text) if random.random() < 0.04 else text
        meta["annotations"] = written


class _Draw:
    """The annotations of one pod."""

    def __init__(self, random: Random, forger: Forger, pod: Tree) -> None:
        self._random = random
        self._forger = forger
        self._pod = pod

    # ---- status

    def status(self, written: str | None) -> str:
        """A status: that of the pod with other names, or one from nothing."""
        random = self._random
        status = _as_object(written) if random.random() < 0.7 else {}
        for part in random.sample(LISTS, random.choice([0, 1, 2, 4])):
            listed = [self._name(part) for _ in range(random.choice([0, 1, 1, 2, 5]))]
            before = status.get(part)
            more = before if isinstance(before, list) and random.random() < 0.7 else []
            status[part] = [*more, *listed]
        if random.random() < 0.1:
            status[random.choice([*LISTS, "digest", "revision"])] = self._wrong()
        if random.random() < 0.3:
            status["digest"] = random.choice(["", "0123456789abcdef", "x"])
        if random.random() < 0.02:
            status[random.choice(LISTS)] = [f"n{number}" for number in range(random.choice([500, 5000]))]
        return json.dumps(status)

    # ---- undo

    def undo(self, written: str | None) -> str:
        """An undo annotation: entries of every form at every kind of place."""
        random = self._random
        entries: list[Any] = []
        if written is not None and random.random() < 0.5:
            known = loaded(written)
            entries += known if isinstance(known, list) else []
        count = random.choice([1, 1, 2, 3, 8]) if random.random() < 0.97 else random.choice([200, 2000])
        entries += [self._entry() for _ in range(count)]
        if random.random() < 0.2:
            random.shuffle(entries)
        if random.random() < 0.03:
            return json.dumps(random.choice([{}, None, 1, "x", {"/spec": 1}, [[[]]], entries[:1] * 50]))
        return json.dumps(entries)

    def _entry(self) -> Any:
        random = self._random
        if random.random() < 0.04:
            return random.choice(
                [[], {}, None, 1, "/spec", [None], [1, 2], [["/spec"]], [{}], ["/a", 1, 2, 3]]
            )
        pointer, part, name = self._place()
        roll = random.random()
        if roll < 0.3:
            return [pointer]
        if roll < 0.75:
            return [pointer, self._value(part, name)]
        if roll < 0.85:
            return [pointer, None, []]
        keys = [self._name(part or "containers") for _ in range(random.randint(1, 4))]
        return [pointer, None, random.choice([keys, keys, keys, keys * 2, [1, None], "abc", {}, 1])]

    def _place(self) -> tuple[str, str, str]:
        """A pointer, and the list and the name of the element where it is one."""
        random = self._random
        part = random.choice(LISTS)
        name = self._name(part)
        at = f"/spec/{part}/{escape(name)}"
        key = random.choice([*sorted(self._forger.known), "app", "new", "x/y"])
        return random.choice(
            (
                lambda: (f"/metadata/labels/{escape(key)}", "", key),
                lambda: (f"/metadata/annotations/{escape(key)}", "", key),
                lambda: (f"/metadata/{random.choice(_METADATA)}", "", ""),
                lambda: (at, part, name),
                lambda: (f"/spec/{part}", part, ""),
                lambda: (f"{at}/{random.choice(_DEEP)}", "", ""),
                lambda: (f"/spec/{random.choice(_FIELDS)}", "", ""),
                lambda: (f"/spec/{random.choice(NEVER)}{random.choice(['', '', '/name'])}", "", ""),
                lambda: (random.choice(_NONSENSE), "", ""),
            )
        )()

    def _value(self, part: str, name: str) -> Any:
        random = self._random
        if random.random() < 0.15:
            return self._wrong()
        if part and name:
            return self._element(part, name if random.random() < 0.8 else self._name(part))
        if part:
            names = [self._name(part) for _ in range(random.randint(0, 3))]
            return [self._element(part, each) for each in names]
        if name:
            return draw_value(random, name)[:2000]
        return random.choice([None, {}, [], True, False, 1, 2**31, "forged", ["x"], {"name": "windows"}])

    def _element(self, part: str, name: str) -> Tree:
        if part == "imagePullSecrets":
            return {"name": name}
        if part == "volumes":
            return {"name": name, **self._random.choice([{}, {"emptyDir": {}}, {"hostPath": {"path": "/"}}])}
        mounts = [{"name": self._name("volumes"), "mountPath": str(self._random.choice(_PATHS))}]
        more: Sequence[Tree] = ({}, {"tty": True}, {"volumeMounts": mounts}, {"env": [{"name": "A"}]})
        return {"name": name, "image": self._random.choice(["evil:1", "auto"]), **self._random.choice(more)}

    # ---- overrides

    def overrides(self) -> str:
        """An overrides annotation: containers of the pod changed, those of the templates, and others."""
        random = self._random
        if random.random() < 0.1:
            return random.choice(
                ['{"containers":[', "[]", "null", "", '{"containers":{}}', "{}", '{"x":[1]}']
            )
        overrides: Tree = {}
        for part in random.sample(LISTS[:2], random.choice([1, 1, 2])):
            overrides[part] = [self._container(part) for _ in range(random.choice([1, 1, 2, 4]))]
        if random.random() < 0.1:
            overrides[random.choice(LISTS)] = self._wrong()
        return json.dumps(overrides)

    def _container(self, part: str) -> Any:
        random = self._random
        own = [item for item in self._listed(part) if isinstance(item, dict)]
        if random.random() < 0.05:
            return self._wrong()
        if own and random.random() < 0.4:
            changed = copy.deepcopy(random.choice(own))
            changed[random.choice(["image", "tty", "env", "newer"])] = random.choice(SCALARS)
            return changed
        return self._element(part, self._name(part))

    # ---- volumes

    def user_volumes(self) -> str:
        """Volumes beside those of the templates, and some in their place."""
        sources = [{"emptyDir": {}}, {"hostPath": {"path": "/"}}, {}, {"emptyDir": "x"}, {"name": "v0"}]
        names = [self._name("volumes") for _ in range(self._random.choice([1, 1, 2]))]
        return json.dumps({name: self._random.choice([*sources[:2] * 3, *sources]) for name in names})

    def user_mounts(self) -> str:
        """Mounts at, below and beside those of the templates."""
        names = [self._name("volumes") for _ in range(self._random.choice([1, 1, 2]))]
        return json.dumps({name: {"mountPath": self._random.choice(_PATHS)} for name in names})

    # ---- names

    def _name(self, part: str) -> str:
        """A name of the templates, of the pod, of another of its lists, or of nobody."""
        random = self._random
        pools = [
            sorted(self._forger.made.get(part, ())),
            self._names_in_pod(part),
            self._names_in_pod(random.choice(LISTS)),
        ]
        pool = random.choice([*pools, _NOBODY[:2], _NOBODY])
        return random.choice(pool or _NOBODY)

    def _names_in_pod(self, part: str) -> list[str]:
        names = (item.get("name") for item in self._listed(part) if isinstance(item, dict))
        return [name for name in names if isinstance(name, str)]

    def _listed(self, part: str) -> list[Any]:
        spec = self._pod.get("spec")
        listed = spec.get(part) if isinstance(spec, dict) else None
        return listed if isinstance(listed, list) else []

    def _wrong(self) -> Any:
        """A value of any type."""
        return self._random.choice([None, 1, "x", True, {}, [], [None], [1], {"name": 1}, tree(self._random)])


def _as_object(text: str | None) -> Tree:
    value = loaded(text or "")
    return value if isinstance(value, dict) else {}


def loaded(text: Any) -> Any:
    """What the JSON of an annotation holds; None where it holds none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
