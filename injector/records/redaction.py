"""Which parts of an admission are recorded, and how.

====================================================  ============================================
stays as it is                                        keys of Kubernetes' own fields; booleans, and
                                                      numbers, ports and amounts outside of free text;
                                                      words of Kubernetes, of the profile and of the
                                                      configuration; values of annotations that take
                                                      no free text
gets pseudonyms part by part (`Pseudonyms.name`)      names, images, paths, addresses, labels, keys
                                                      that are not declared, the user and the user's groups
gets one pseudonym (`Pseudonyms.free`)                values of variables and headers, commands and
                                                      arguments, attributes of volumes, annotations
                                                      that are not declared
becomes a smaller number (`Pseudonyms.amount`)        numbers in these, and in the JSON and YAML of
                                                      annotations but for ports
is left out                                           options, status, managed fields, uids, the rest
                                                      of the user
====================================================  ============================================

A valid value of an annotation gets a pseudonym that is valid, an invalid one gets an invalid one. Not
here: the pseudonyms themselves, and files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.core import names, status
from injector.core.kinds import TABLE
from injector.core.model import Manifest
from injector.core.policy import Policy
from injector.core.profile import Config, Profile
from injector.core.selectors import Selector
from injector.errors import ManifestError
from injector.patterns import pattern
from injector.records.pseudonyms import Pseudonyms

_FIELD = pattern(r"[a-z][A-Za-z0-9]{0,40}", re.ASCII)
_LEFT_OUT: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "generation"}
)
# Fields of free text at any depth: of containers, probes, hooks, volumes, proxies.
_FREE: Final = frozenset(
    {
        "value", "command", "args", "volumeAttributes", "options", "stringData", "data",
        "proxyMetadata", "environmentVariables",
    }
)  # fmt: skip
# Maps with free keys.
_OPEN: Final = frozenset({"nodeSelector", "matchLabels", "limits", "requests", "overhead"}) | _FREE
# The parts of a name that get pseudonyms of their own.
_PART = pattern(r"\w+")
_PORT = pattern(r"port|[A-Za-z0-9]+Port", re.ASCII)
# Other threads run after so many texts.
_PAUSE_TEXTS: Final = 32

_WORDS: Final = """
Always OnFailure Never IfNotPresent ClusterFirst ClusterFirstWithHostNet Default None TCP UDP SCTP
HTTP HTTPS File FallbackToLogsOnError linux windows auto Exists DoesNotExist In NotIn Equal NoSchedule
NoExecute PreferNoSchedule RuntimeDefault Unconfined Localhost Memory ALL NET_ADMIN NET_RAW
NET_BIND_SERVICE SYS_PTRACE DoNotSchedule ScheduleAnyway Directory DirectoryOrCreate Socket
Bidirectional HostToContainer argoproj.io/v1alpha1 Node
requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution
true false null cpu memory ephemeral-storage default metadata.name metadata.namespace metadata.uid
spec.nodeName spec.serviceAccountName status.podIP status.hostIP limits.cpu limits.memory
requests.cpu requests.memory name namespace mountPath readOnly subPath secret secretName configMap
emptyDir hostPath path type items key optional csi driver projected sources medium sizeLimit
persistentVolumeClaim claimName defaultMode token kube-root-ca.crt
initContainers containers volumes imagePullSecrets revision digest undo incomplete
/var/run/secrets/kubernetes.io/serviceaccount
"""
# Keys that controllers and many profiles read beside those that a profile declares.
_KEYS: Final = """
app version app.kubernetes.io/name app.kubernetes.io/version app.kubernetes.io/instance
app.kubernetes.io/component app.kubernetes.io/part-of app.kubernetes.io/managed-by
controller-revision-hash
kubectl.kubernetes.io/restartedAt kubernetes.io/config.mirror kubernetes.io/metadata.name
kubernetes.io/os beta.kubernetes.io/os
"""
KUBERNETES: Final = frozenset(_WORDS.split())
KEYS: Final = frozenset(_KEYS.split())


def words_of(config: Config) -> frozenset[str]:
    """The words of a configuration that match pods: of selectors, templates, namespaces."""
    policy: Policy = config.policy
    words: set[str] = {policy.switch, *policy.ignored_namespaces, *config.aliases, *config.default_templates}
    words |= {*config.templates, config.revision or "default"}
    selectors = [*policy.never, *policy.always]
    selectors += [s for entry in policy.entries for s in (entry.namespaces, entry.objects)]
    selectors += [rule.namespaces for rule in config.annotation_rules]
    for selector in selectors:
        words |= _selector_words(selector)
    patterns = (pattern for rule in policy.callers for pattern in (*rule.usernames, *rule.groups))
    words |= {part for pattern in patterns for part in _PART.findall(pattern)}
    words |= {*policy.skip_runtime_classes, *(place.other for place in config.placement.values())}
    words |= {mark.container for mark in policy.foreign} | {n for mark in policy.foreign for n in mark.env}
    return frozenset(words - {""})


def literal_words(profile: Profile, words: frozenset[str]) -> frozenset[str]:
    """All words that stay literal, with those of a configuration."""
    known = profile.catalogue()
    declared = known.annotations | known.labels | known.namespace_labels
    own = declared | profile.bookkeeping_annotations
    return KUBERNETES | KEYS | _kind_words() | own | profile.words() | words


def _kind_words() -> frozenset[str]:
    """Names and API versions of the workload kinds, and the labels that connect them."""
    parents = [parent for row in TABLE.rows for parent in row.parents]
    words = {word for row in TABLE.rows for word in (row.kind, row.api_version)} | {p.kind for p in parents}
    return frozenset(words | {p.hash_label or p.name_label for p in parents} - {""})


def _selector_words(selector: Selector) -> set[str]:
    return {text for r in selector.requirements for text in (r.key, *r.values)}


@dataclass(slots=True)
class Redaction:
    """The rules for one configuration and key. `pause` is called after every few texts."""

    pseudonyms: Pseudonyms
    profile: Profile
    pause: Callable[[], None] = lambda: None
    _count: int = 0

    @classmethod
    def of(cls, key: bytes, config: Config, pause: Callable[[], None] = lambda: None) -> Redaction:
        """The rules that hold for a configuration."""
        words = literal_words(config.profile, words_of(config))
        return cls(Pseudonyms(key, words), config.profile, pause)

    def pod(self, pod: Manifest) -> Manifest:
        """The metadata and spec of a pod, without secrets."""
        halves = {k: v for k, v in pod.items() if k in ("metadata", "spec")}
        return {half: self.value(tree, half) for half, tree in halves.items()}

    def value(self, value: Any, field: str = "") -> Any:
        """Any part of an object; `field` is the name of the field that holds it."""
        if isinstance(value, list):
            return [self.value(item, field) for item in value]
        if isinstance(value, dict):
            return self._map(value, field)
        if isinstance(value, str):
            return self._text(value, field)
        return self._amount(value) if field in _FREE else value

    def _map(self, value: Manifest, field: str) -> Manifest:
        if field == "annotations":
            return self.annotations(value)
        if field == "labels":
            return {self.key(k): self._label(k, v) for k, v in value.items()}
        if field in _OPEN:
            return {self.key(k): self.value(v, field) for k, v in value.items()}
        recorded = {k: v for k, v in value.items() if k not in _LEFT_OUT}
        return {k if _FIELD.fullmatch(k) else self.key(k): self.value(v, k) for k, v in recorded.items()}

    def _text(self, text: str, field: str) -> str:
        self._count += 1
        if self._count % _PAUSE_TEXTS == 0:
            self.pause()
        return self.pseudonyms.free(text) if field in _FREE else self.pseudonyms.name(text)

    def _amount(self, value: Any) -> Any:
        """Another number for a number; booleans, null and dates stay."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return self.pseudonyms.amount(value) if number else value

    def key(self, key: str) -> str:
        """The key of a label, an annotation, or another map with free keys."""
        return self.pseudonyms.name(key)

    def _label(self, key: str, value: Any) -> Any:
        if not isinstance(value, str):
            return self.value(value)
        syntax = self.profile.syntax(key)
        return value if syntax and syntax.closed and syntax.accepts(value) else self._text(value, "")

    def annotations(self, annotations: Mapping[str, Any]) -> Manifest:
        """Annotations: those of the profile by their syntax, all others as free text."""
        declared = self.profile.catalogue().annotations | self.profile.bookkeeping_annotations
        out: Manifest = {}
        for key, value in annotations.items():
            if not isinstance(value, str):
                out[self.key(key)] = self.tree(value)
            elif key in declared or key == self.profile.keys.templates or self.profile.syntax(key):
                out[key] = self._declared(key, value)
            else:
                by_parts = key in KEYS and key != names.MIRROR_ANNOTATION
                out[self.key(key)] = self._text(value, "" if by_parts else "value")
        return out

    def _declared(self, key: str, value: str) -> str:
        """The value of an annotation that the profile reads."""
        syntax = self.profile.syntax(key)
        if syntax and syntax.closed and syntax.accepts(value):
            return value
        # The undo annotation holds what an injection replaced, so any text.
        field = "value" if key == self.profile.keys.undo else ""
        # A value without a syntax may be anything, such as ``8080: ``; so YAML without brackets is read
        # only where there is a syntax.
        nested = value.lstrip().startswith(("{", "[")) or (syntax is not None and ":" in value)
        candidates: Iterable[str] = (
            (self._tree_text(value, field) if nested else None) or self._text(value, field),
            self._text(value, "value"),
            self._text(value, "value") + " !",
        )
        accepted = syntax is None or syntax.accepts(value)
        fitting = (c for c in candidates if syntax is None or syntax.accepts(c) == accepted)
        return next(fitting, self._text(value, "value"))

    def _tree_text(self, text: str, field: str) -> str | None:
        """A text that holds a map or a list, in JSON or YAML; None for another.

        A broken one is free text, as its structure is unknown.
        """
        try:
            # As the profiles read it: JSON allows characters that YAML does not.
            tree = status.as_object(text) or yamltext.load_untrusted(text, "annotation")
        except (ManifestError, RecursionError, ValueError):
            return self.pseudonyms.free(text)
        if not isinstance(tree, dict | list):
            return None
        return json.dumps(self.tree(tree, field), separators=(",", ":"), ensure_ascii=False)

    def tree(self, value: Any, field: str = "") -> Any:
        """A tree whose keys are not fields of Kubernetes: each key is a name; `field` as for `value`."""
        if isinstance(value, list):
            return [self.tree(item, field) for item in value]
        if isinstance(value, dict):
            return {
                self.key(str(k)): self.tree(v, field if field in _FREE else str(k)) for k, v in value.items()
            }
        if isinstance(value, str):
            return self._text(value, field)
        # Ports of a pod and of its annotations are compared with each other.
        port = _PORT.fullmatch(field) and isinstance(value, int) and 0 <= value < 1 << 16
        return value if port else self._amount(value)
