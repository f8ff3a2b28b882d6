"""Names that Kubernetes gives or that this program owns whatever the profile is."""

from __future__ import annotations

from typing import Final

METADATA_NAME_LABEL: Final = "kubernetes.io/metadata.name"
MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
# System pods run there. If they waited for an absent webhook, the cluster could not start again.
CLUSTER_NAMESPACES: Final = frozenset({"kube-system", "kube-node-lease"})

# Every webhook configuration that this program prints carries it.
APP_LABEL: Final = "app.kubernetes.io/name"
APP: Final = "sidecar-injector"

# The values of a switch; every other value has no effect.
YES: Final = "true"
NO: Final = "false"

UNDO_ANNOTATION: Final = "sidecar-injector/undo"
BUNDLE_ANNOTATION: Final = "sidecar-injector/bundle"
STATUS_ANNOTATION: Final = "sidecar-injector/status"
OVERRIDES_ANNOTATION: Final = "sidecar-injector/overrides"
SWITCH: Final = "sidecar-injector/inject"
TEMPLATES_ANNOTATION: Final = "sidecar-injector/templates"

CONTAINER_LISTS: Final = ("initContainers", "containers")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def entry_name(profile: str) -> str:
    """The name of the webhook entry of a profile with one entry."""
    # The API server requires at least three segments.
    return f"pods.{profile}.sidecar-injector"
