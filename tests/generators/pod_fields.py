"""Fields of pods beside their containers: those that Kubernetes takes, and with them odd ones.

Not here: the fields of containers (containers.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.generators.values import fields

SOURCES: Final[Sequence[tuple[str, Any]]] = fields("""
- emptyDir: {}
- emptyDir: {medium: Memory, sizeLimit: 1Gi}
- hostPath: {path: /x, type: ""}
- configMap: {name: c, items: [{key: a, path: b}], defaultMode: 420}
- secret: {secretName: s, optional: true}
- csi: {driver: csi.spiffe.io, readOnly: true}
- projected: {sources: [{serviceAccountToken: {path: t, audience: x}}, {newSource: {}}]}
- persistentVolumeClaim: {claimName: p}
- ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce]}}}
- image: {reference: "example.com/files:1", pullPolicy: Always}
- downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
""")
FIELDS: Final[Sequence[tuple[str, Any]]] = fields("""
- restartPolicy: Never
- hostNetwork: false
- hostNetwork: null
- hostPID: true
- hostUsers: false
- shareProcessNamespace: true
- dnsPolicy: None
- dnsConfig: {nameservers: [1.2.3.4], searches: [a.b], options: [{name: ndots, value: "5"}]}
- securityContext: {fsGroup: 1, runAsNonRoot: true, sysctls: [{name: a, value: "1"}]}
- securityContext: {sysctls: []}
- securityContext: {}
- securityContext: null
- serviceAccountName: shop
- automountServiceAccountToken: false
- tolerations: [{key: k, operator: Exists, tolerationSeconds: 300}]
- topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
- hostAliases: [{ip: 10.0.0.1, hostnames: [h]}, {ip: 10.0.0.1, hostnames: [i]}]
- readinessGates: [{conditionType: x/y}]
- schedulingGates: [{name: gate}]
- resourceClaims: [{name: gpu, resourceClaimTemplateName: t}]
- resources: {limits: {cpu: "2"}}
- overhead: {cpu: 10m}
- os: {name: linux}
- affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: h}]}}
- nodeSelector: {kubernetes.io/os: linux, a~b/c: ""}
- terminationGracePeriodSeconds: 0
- activeDeadlineSeconds: 1000000000000
- nodeName: node-1
- priority: -5
- initContainers: null
- initContainers: []
- volumes: []
- volumes: null
""")
ODD_FIELDS: Final[Sequence[tuple[str, Any]]] = (
    *FIELDS,
    *fields("""
- hostNetwork: true
- imagePullSecrets: [{name: registry}, {name: registry}]
- imagePullSecrets: [{}]
- os: {name: windows}
- os: {name: 1}
- ephemeralContainers: [{name: debug, image: x, targetContainerName: app}]
- containers: null
"""),
)
METADATA: Final[Sequence[tuple[str, Any]]] = fields("""
- labels: {app: web, version: v1, x/y~z: ""}
- labels: {}
- labels: null
- annotations: {}
- annotations: null
- creationTimestamp: null
- ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d8c7b9f6, controller: true}]
- finalizers: [x/y]
- generateName: web-
- managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {'k:{"name":"app"}': {".": {}}}}}]
""")
ODD_METADATA: Final[Sequence[tuple[str, Any]]] = (
    *METADATA,
    *fields(
        """
- labels: {sidecar.istio.io/inject: "true", logs.example.com/ship: "true"}
- labels: {app: LONG, app.kubernetes.io/name: ""}
- annotations: {a/b: c, note~: 日本, é: "", "": x}
- annotations: {a: null}
- namespace: shop
- ownerReferences: [{}]
- ownerReferences: [{apiVersion: batch/v1, kind: Job, name: j-29012345, controller: true}]
""".replace("LONG", "a" * 300)
    ),
)
