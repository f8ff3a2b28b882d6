"""What the findings about an injected pod mean and what to do, by their word (finding_codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RESULT_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "refused-result": (
        "The API server refuses the injected pod for a field that the injection set; `kube-inject` fails.",
        "`injector explain` shows what sets the field; correct it there.",
    ),
    "refused-pod": (
        "The API server refuses the pod for a field of its own manifest; an error with `--strict`.",
        "Correct the manifest.",
    ),
    "missing-volume": (
        "A container mounts a volume that the pod lacks; `kube-inject` fails if the injection mounts it.",
        "Add the volume, unless another webhook adds it.",
    ),
    "cannot-start": (
        "The kubelet does not start a container: its user is 0, and it must not run as root.",
        "Change `runAsUser` or `runAsNonRoot`.",
    ),
    "namespace-security": (
        "The injected pod does not pass the level of PodSecurity that its namespace enforces.",
        "Change the field, or the level of the namespace.",
    ),
    "result": (
        "Injected sample pods are refused by the API server, or a container of them cannot start.",
        "Correct the template or the value.",
    ),
    "proxy-user": (
        "A container of the pod runs as the user or group of the proxy; its traffic bypasses the mesh.",
        "Run it as another user and group.",
    ),
    "proxy-port": (
        "A container of the pod declares a port on which the proxy listens.",
        "Use another port.",
    ),
    "proxy-resources": (
        "Annotations and the pod's own proxy container set different sizes; those of the container apply.",
        "Remove one of them.",
    ),
    "proxy-lifecycle": (
        "Handlers of the proxy replace one that holds the application back or drains the proxy.",
        "Add that handler to `values.global.proxy.lifecycle`, or remove the setting without effect.",
    ),
    "openshift-user": (
        "A user of the pod is outside the range of its namespace, so another SCC applies to the proxy, too.",
        "Check that this SCC allows the user of the proxy.",
    ),
}
