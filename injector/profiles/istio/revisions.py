"""Which pods the API server sends to which revision: the selectors of istiod's webhook configurations.

Source: istio-injection 1.4 and 1.5. The webhook configuration is generated from this
table, and the command line uses it to see whether the webhook would be called.
"""

from __future__ import annotations

from injector.core import names
from injector.core.selectors import Requirement, Selector, WebhookEntry

SUFFIX = "sidecar-injector.istio.io"
INJECTION = "istio-injection"
REVISION = "istio.io/rev"
SWITCH = "sidecar.istio.io/inject"
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


def _is(key: str, *values: str) -> Requirement:
    return Requirement(key, "In", frozenset(values))


def _is_not(key: str, *values: str) -> Requirement:
    return Requirement(key, "NotIn", frozenset(values))


def _absent(key: str) -> Requirement:
    return Requirement(key, "DoesNotExist")


def entries(revision: str, *, default: bool, everywhere: bool = False) -> tuple[WebhookEntry, ...]:
    """The entries of one configuration.

    `revision` is a revision's or a tag's name, `default` for the unnamed install. `default` adds
    the entries that look at istio-injection and the pod's switch; `everywhere` the one for
    namespaces that say nothing.
    """
    not_off = _is_not(SWITCH, "false")
    listed = [
        _entry("rev.namespace.", [_is(REVISION, revision), _absent(INJECTION)], [not_off]),
        _entry("rev.object.", [_absent(REVISION), _absent(INJECTION)], [not_off, _is(REVISION, revision)]),
    ]
    if default:
        unlabelled = [_absent(INJECTION), _absent(REVISION)]
        listed += [
            _entry("namespace.", [_is(INJECTION, "enabled")], [not_off]),
            _entry("object.", unlabelled, [_is(SWITCH, "true"), _absent(REVISION)]),
        ]
        if everywhere:
            outside = Requirement(names.METADATA_NAME_LABEL, "NotIn", SYSTEM_NAMESPACES)
            listed.append(_entry("auto.", [*unlabelled, outside], [_absent(SWITCH), _absent(REVISION)]))
    return tuple(listed)


def of_revision(revision: str, *, everywhere: bool = False) -> tuple[WebhookEntry, ...]:
    """The entries of a revision's own configuration; the empty name is the unnamed install."""
    unnamed = revision in ("", "default")
    return entries(revision or "default", default=unnamed, everywhere=everywhere)


def of_tag(tag: str, *, everywhere: bool = False) -> tuple[WebhookEntry, ...]:
    """The entries of a tag's configuration; the tag `default` stands in for the unnamed install."""
    return entries(tag, default=tag == "default", everywhere=everywhere)


def _entry(prefix: str, namespaces: list[Requirement], objects: list[Requirement]) -> WebhookEntry:
    return WebhookEntry(prefix + SUFFIX, Selector(tuple(namespaces)), Selector(tuple(objects)))
