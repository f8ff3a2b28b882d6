"""The shape of a pod: all that an injection can branch on, without the texts that it only copies.

Pods of one shape differ in these texts alone, and each text is of a kind (`texts`) for which the rules of
core and profile do the same whatever it is. Texts that nobody reads are dropped; those that reach the result
are `copied`, in the order in which the walk meets them. What of a pod is neither stays in the shape as it is.
"""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable
from typing import Any, Final

from injector.classes import dataclass
from injector.core import kinds, names
from injector.core.copied import Copied
from injector.core.model import Manifest, Owner
from injector.core.plans import texts

# These stand in a shape where a text was; JSON has no bytes.
_UNREAD: Final = b"unread"
_COPIED: Final = b"copied"
_FOLLOWS: Final = b"follows"

# Names are searched for in annotations, in so many characters at most: some milliseconds.
_MOST_SEARCHED: Final = 1_000_000

COMMANDS: Final = ("args", "command")
_ACCOUNTS: Final = ("serviceAccountName", "serviceAccount")
HASH: Final = "pod-template-hash"
OBJECTS: Final = (("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName"))
"""Where a volume names an object whose name nobody reads."""


@dataclass(frozen=True, slots=True)
class CopyRules:
    """What of a configuration says which texts are only copied.

    `labels` are keys whose values rules compare, `containers` names with a meaning, `bookkeeping` the
    annotations of an earlier injection. Labels are not free where an object of the cluster selects by them,
    nor is the hash of a ReplicaSet where a selector of the configuration does.
    """

    copied: Copied
    labels: frozenset[str]
    containers: frozenset[str]
    bookkeeping: frozenset[str]
    labels_are_free: bool = True
    hash_is_free: bool = True


@dataclass(frozen=True, slots=True)
class PodShape:
    """The digest of a shape, and the texts of the pod that reach the result.

    `items` is the number of variables and arguments that are left out, as items of a tree.
    """

    key: bytes
    values: tuple[str, ...]
    items: int


class NoShape(Exception):
    """A pod has something that a plan cannot serve; `reason` is a word for metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def shape_of(pod: Manifest, owner: Owner | None, rules: CopyRules, around: tuple[Any, ...]) -> PodShape:
    """The shape of a pod; `around` is what else an answer depends on, of the types of JSON.

    `owner` is the workload where it is at hand. Raises NoShape.
    """
    walk = _ShapeWalk(rules, None)
    walk.owner(owner)
    tree = walk.pod(pod)
    try:
        text = marshal.dumps((around, tree), 0)
    except ValueError:
        # Numbers that no JSON has.
        raise NoShape("value") from None
    if walk.token is not None and walk.token.encode("ascii") in text:
        # What names the volume elsewhere, such as an annotation, makes its name more than a copied text.
        raise NoShape("value")
    if any(part.encode("utf-8") in text for part in rules.copied.written):
        # What is there already is not written, and a part of it is a name that is not in the shape.
        raise NoShape("value")
    return PodShape(hashlib.sha256(text).digest(), tuple(walk.values), walk.items)


def with_marks(
    pod: Manifest, owner: Owner | None, rules: CopyRules, mark: Callable[[int], str]
) -> tuple[Owner | None, Manifest]:
    """The owner and the pod with a mark for each text that the shape leaves out.

    `mark` gets the number of a copied text, -1 for one that nobody reads.
    """
    walk = _ShapeWalk(rules, mark)
    return walk.owner(owner), walk.pod(pod)


class _ShapeWalk:
    """One walk over a pod, which copies what it changes."""

    def __init__(self, rules: CopyRules, mark: Callable[[int], str] | None) -> None:
        self.values: list[str] = []
        self.items = 0
        self._rules = rules
        self._mark = mark
        # Values of annotations that stay, the numbers of containers, and the name of the token's volume.
        self._retained: list[Any] = []
        self._names: dict[str, int] = {}
        self.token: str | None = None

    def owner(self, owner: Owner | None) -> Owner | None:
        """The workload at hand."""
        if owner is None:
            return None
        if not texts.is_owner(owner.name):
            raise NoShape("owner")
        return Owner(owner.api_version, owner.kind, str(self.copied(owner.name)))

    def pod(self, pod: Manifest) -> Manifest:
        """The pod template."""
        meta, spec = pod.get("metadata"), pod.get("spec")
        if type(meta) is not dict or type(spec) is not dict:
            raise NoShape("value")
        return {"metadata": self._metadata(meta), "spec": self._spec(spec)}

    def copied(self, text: str) -> Any:
        """A text that reaches the result: its mark, or what stands for it in a shape."""
        number = len(self.values)
        self.values.append(text)
        return _COPIED if self._mark is None else self._mark(number)

    def _unread(self) -> Any:
        return _UNREAD if self._mark is None else self._mark(-1)

    def _metadata(self, meta: Manifest) -> Manifest:
        annotations = meta.get("annotations")
        if type(annotations) is dict and not self._rules.bookkeeping.isdisjoint(annotations):
            raise NoShape("annotation")
        owner = _Owner.of(meta, self, splits=self._rules.hash_is_free)
        out: dict[str, Any] = {}
        for key, value in meta.items():
            if key == "labels" and type(value) is dict:
                out[key] = {name: self._label(name, text, owner) for name, text in value.items()}
            elif key == "annotations" and type(value) is dict:
                out[key] = {name: self._annotation(name, text) for name, text in value.items()}
            elif key == "ownerReferences" and type(value) is list:
                out[key] = [self._reference(each, owner) for each in value]
            elif key == "managedFields" and type(value) is list:
                out[key] = [self._managed(each) for each in value]
            elif key == "generateName" and owner.name and value == owner.name + "-":
                out[key] = _FOLLOWS if self._mark is None else owner.written + "-"
            elif key == "name" and texts.is_owner(value):
                out[key] = self.copied(value)
            elif key == "uid" and texts.is_plain(value):
                out[key] = self._unread()
            else:
                out[key] = value
        return out

    def _label(self, key: str, text: Any, owner: _Owner) -> Any:
        if key == HASH and owner.hash:
            return _FOLLOWS if self._mark is None else owner.hash
        if not self._rules.labels_are_free or key in self._rules.labels or not texts.is_label(text):
            return text
        return self.copied(text) if key in self._rules.copied.names else self._unread()

    def _annotation(self, key: str, text: Any) -> Any:
        if key.startswith(self._rules.copied.annotations) and texts.is_plain(text):
            return self._unread()
        self._retained.append(text)
        return text

    def _reference(self, reference: Any, owner: _Owner) -> Any:
        if type(reference) is not dict:
            return reference
        out = dict(reference)
        if texts.is_plain(out.get("uid")):
            out["uid"] = self._unread()
        if reference is owner.reference:
            out["name"] = _FOLLOWS if self._mark is None else owner.written
        return out

    def _managed(self, entry: Any) -> Any:
        if self._mark is not None or type(entry) is not dict:
            return entry
        out = dict(entry)
        if texts.is_time(out.get("time")):
            out["time"] = _UNREAD
        if type(out.get("fieldsV1")) is dict:
            out["fieldsV1"] = _UNREAD
        return out

    def _spec(self, spec: Manifest) -> Manifest:
        self._number_containers(spec)
        self._find_token(spec)
        out: dict[str, Any] = {}
        for key, value in spec.items():
            if key in names.CONTAINER_LISTS and value:
                out[key] = [self._container(each) for each in value]
            elif key == "volumes" and type(value) is list:
                out[key] = [self._volume(each) for each in value]
            elif key in _ACCOUNTS and texts.is_owner(value):
                out[key] = self.copied(value)
            else:
                out[key] = value
        return out

    def _number_containers(self, spec: Manifest) -> None:
        """Number the names in the order that keys made of them have, so that marks have the same order."""
        listed_names: list[Any] = []
        for part in names.CONTAINER_LISTS:
            listed = spec.get(part) or []
            if type(listed) is not list:
                raise NoShape("value")
            listed_names += [each.get("name") if type(each) is dict else None for each in listed]
        if not all(map(texts.is_container, listed_names)) or len(set(listed_names)) != len(listed_names):
            raise NoShape("container")
        if not self._rules.containers.isdisjoint(listed_names):
            raise NoShape("container")
        retained = [str(text) for text in self._retained]
        if sum(map(len, retained)) * len(listed_names) > _MOST_SEARCHED:
            raise NoShape("annotation")
        if any(name in text for text in retained for name in listed_names):
            raise NoShape("annotation")
        for name in sorted(listed_names, key=in_paths):
            self._names[name] = len(self.values)
            self.values.append(name)

    def _find_token(self, spec: Manifest) -> None:
        listed = spec.get("volumes")
        volumes = [each.get("name") for each in listed if type(each) is dict] if type(listed) is list else []
        tokens = [name for name in volumes if texts.is_token_volume(name)]
        self.token = tokens[0] if len(tokens) == 1 else None

    def _container(self, container: Manifest) -> Manifest:
        number = self._names[container["name"]]
        out = dict(container)
        out["name"] = number if self._mark is None else self._mark(number)
        if texts.is_image(out.get("image")):
            out["image"] = self._unread()
        for field in COMMANDS:
            if field in out and texts.are_plain(out[field]):
                self.items += len(out[field])
                out[field] = _UNREAD if self._mark is None else [self._mark(-1)]
        if type(out.get("env")) is list:
            out["env"] = self._variables(out["env"])
        if self.token is not None and type(out.get("volumeMounts")) is list:
            out["volumeMounts"] = [self._mount(each) for each in out["volumeMounts"]]
        for field in names.PROBES:
            if field in out:
                out[field] = self._probe(out[field])
        return out

    def _variables(self, listed: list[Any]) -> list[Any]:
        if self._mark is None:
            others = texts.variables(listed)
            self.items += 3 * (len(listed) - len(others))
            return others
        return [
            {"name": f"V{number}", "value": self._mark(-1)} if texts.is_variable(each) else each
            for number, each in enumerate(listed)
        ]

    def _mount(self, mount: Any) -> Any:
        if type(mount) is not dict or mount.get("name") != self.token:
            return mount
        return {**mount, "name": self._token_name()}

    def _token_name(self) -> Any:
        return _UNREAD if self._mark is None else "kube-api-access-" + self._mark(-1)

    def _probe(self, probe: Any) -> Any:
        action = probe.get("httpGet") if type(probe) is dict else None
        if type(action) is not dict or not texts.is_path(action.get("path")):
            return probe
        if action["path"].startswith(self._rules.copied.written):
            return probe
        path = _COPIED if self._mark is None else "/" + self._mark(len(self.values))
        self.values.append(action["path"][1:])
        return {**probe, "httpGet": {**action, "path": path}}

    def _volume(self, volume: Any) -> Any:
        if type(volume) is not dict:
            return volume
        if volume.get("name") == self.token and self.token is not None:
            return {**volume, "name": self._token_name()}
        for source, field in OBJECTS:
            of = volume.get(source)
            if type(of) is dict and texts.is_owner(of.get(field)):
                return {**volume, source: {**of, field: self._unread()}}
        return volume


@dataclass(frozen=True, slots=True)
class _Owner:
    """The controller of a pod, with its name taken apart; empty where its name stays in the shape.

    `written` is what stands in the pod with marks, and `hash` what the label has there.
    """

    reference: Any = None
    name: str = ""
    written: str = ""
    hash: str = ""

    @classmethod
    def of(cls, meta: Manifest, walk: _ShapeWalk, *, splits: bool) -> _Owner:
        """The first controller, as `core.owner` finds it."""
        listed = meta.get("ownerReferences")
        references = [each for each in listed if type(each) is dict] if type(listed) is list else []
        reference = next((each for each in references if each.get("controller") is True), None)
        name: Any = reference.get("name") if reference is not None else None
        if reference is None or type(name) is not str:
            return cls()
        labels = meta.get("labels")
        suffix: Any = labels.get(HASH) if type(labels) is dict else None
        row = kinds.KINDS.get(str(reference.get("kind")))
        if row is None or not row.parents:
            if texts.is_owner(name):
                return cls(reference, name, str(walk.copied(name)))
        elif splits and row.kind == "ReplicaSet" and texts.is_hash(suffix) and name.endswith("-" + suffix):
            base = name[: -len(suffix) - 1]
            if texts.is_owner(base):
                first, second = walk.copied(base), walk.copied(suffix)
                # In a shape these are no texts, and stand for any.
                return cls(reference, name, f"{first}-{second}", second)
        return cls()


def in_paths(name: str) -> str:
    """A name as it stands in the paths of probes, by which these are sorted."""
    return name + "/"
