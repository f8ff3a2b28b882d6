"""Values that the chart is rendered with; each case is one way to run the injector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OPERATORS = tuple(
    f"--api-versions=monitoring.coreos.com/v1/{kind}"
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
)
PROFILE = """\
name: shipper
keys: {switch: logs.example.com/ship}
defaultTemplates: [sidecar]
values: {image: example.invalid/shipper}
"""
SIDECAR = """\
spec:
  containers:
  - name: shipper
    image: {{ Values.image }}
"""
OWN_ENTRY = {
    "name": "pods.shipper.sidecar-injector",
    "namespaceSelector": {"matchLabels": {"logs": "on"}},
    "objectSelector": {"matchExpressions": [{"key": "logs.example.com/ship", "operator": "Exists"}]},
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True)
class Case:
    """Values, flags for helm, and the flags of `injector webhook-config` that mean the same."""

    values: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    webhook_flags: tuple[str, ...] = ()


CASES = {
    "defaults": Case(),
    "everything": Case(
        {
            "global": {"imageRegistry": "registry.example.com", "imagePullSecrets": ["shared"]},
            "image": {"digest": f"sha256:{'0' * 64}"},
            "imagePullSecrets": [{"name": "pull"}, "shared"],
            "deploymentAnnotations": {"d.example.com/e": "f"},
            "commonLabels": {"team": "mesh"},
            "commonAnnotations": {"owner": "mesh"},
            "podAnnotations": {"a.example.com/b": "c"},
            "nodeSelector": {"pool": "system"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
            ],
            "priorityClassName": "system-cluster-critical",
            "strategy": {"rollingUpdate": {"maxSurge": "50%"}},
            "revisionHistoryLimit": 1,
            "containerSecurityContext": {"privileged": False},
            "extraArgs": ["--log-level=debug"],
            "startupProbe": {"failureThreshold": 120},
            "readinessProbe": {"periodSeconds": 5},
            "livenessProbe": {"initialDelaySeconds": 3},
            "podDisruptionBudget": {"minAvailable": "50%"},
            "env": [{"name": "A", "value": "1"}],
            "extraVolumes": [{"name": "records", "emptyDir": {"sizeLimit": "1Gi"}}],
            "extraVolumeMounts": [{"name": "records", "mountPath": "/records"}],
            "service": {"annotations": {"a": "b"}, "port": 8443},
            "serviceAccount": {"annotations": {"a": "b"}},
            "autoscaling": {"enabled": True},
            "networkPolicy": {"enabled": True, "apiServerCIDRs": ["10.0.0.1/32"]},
            "metrics": {
                "serviceMonitor": {
                    "enabled": True,
                    "labels": {"release": "prometheus"},
                    "scrapeTimeout": "10s",
                    "relabelings": [{"targetLabel": "cluster", "replacement": "east"}],
                    "metricRelabelings": [{"action": "labeldrop", "regex": "fingerprint"}],
                },
                "alerts": {
                    "enabled": True,
                    "additionalRuleLabels": {"team": "mesh"},
                    "disabled": ["InjectorSlow"],
                    "runbookBase": "https://docs.example.com/metrics",
                },
                "dashboard": {"enabled": True, "annotations": {"folder": "mesh"}},
            },
            "webhook": {"annotations": {"a": "b"}, "timeoutSeconds": 5, "path": "/inject/cluster/east"},
            "config": {"server": {"record": {"directory": "/records", "maxBytes": 671088640}}},
            "extraObjects": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "{{ .Release.Name }}-more"},
                    "data": {"number": "1"},
                },
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\ndata: {a: b}\n",
            ],
        },
        OPERATORS,
        ("--timeout=5",),
    ),
    "cert-manager": Case({"certificates": {"source": "cert-manager"}}),
    "cert-manager with an issuer": Case(
        {
            "certificates": {
                "source": "cert-manager",
                "certManager": {"issuerRef": {"name": "mesh-ca", "kind": "ClusterIssuer"}},
            }
        }
    ),
    "cert-manager, published by us": Case(
        {
            "certificates": {"source": "cert-manager"},
            # As YAML takes a plain on.
            "config": {"server": {"certificates": {"publish": True}}},
        }
    ),
    "a Secret": Case(
        {"certificates": {"source": "secret", "existingSecret": "tls", "caBundle": CERTIFICATE}}
    ),
    "a Secret, published by us": Case(
        {
            "certificates": {"source": "secret", "existingSecret": "tls"},
            "config": {"server": {"certificates": {"publish": "on"}}},
        }
    ),
    "files": Case(
        {
            "config": {"server": {"tlsCert": "/c/tls.crt", "tlsKey": "/c/tls.key"}},
            "extraVolumes": [{"name": "c", "secret": {"secretName": "c"}}],
            "extraVolumeMounts": [{"name": "c", "mountPath": "/c"}],
        }
    ),
    "a revision with tags": Case(
        {"config": {"revision": "canary"}, "webhook": {"tags": ["prod", "default"]}},
        (),
        ("--tag=prod", "--tag=default"),
    ),
    "every namespace": Case(
        {"config": {"values": {"sidecarInjectorWebhook": {"enableNamespacesByDefault": True}}}}
    ),
    "one replica that may be away": Case(
        {"replicas": 1, "webhook": {"failurePolicy": "Ignore", "reinvocationPolicy": "Never"}},
        (),
        ("--failure-policy=Ignore", "--reinvocation-policy=Never"),
    ),
    "without conditions": Case({"webhook": {"matchConditions": False}}, (), ("--no-match-conditions",)),
    "beside gateways": Case({"webhook": {"excludeOwnNamespace": False, "excludedNamespaces": []}}),
    "another namespace and name": Case({"namespaceOverride": "elsewhere", "fullnameOverride": "webhook"}),
    "without a cluster's objects": Case(
        {"config": {"nativeSidecars": "enabled", "server": {"certificates": {"caSecret": "authority"}}}}
    ),
    "beside an istiod": Case({"config": {"server": {"source": {"istio": {"namespace": "istio-system"}}}}}),
    "beside an istiod's revision": Case(
        {
            "config": {
                "revision": "canary",
                "server": {"source": {"istio": {"namespace": "istio-system", "meshConfigMap": "mesh"}}},
            }
        }
    ),
    "a ConfigMap of somebody else": Case(
        {"config": {"server": {"source": {"configMap": {"namespace": "gitops", "name": "injector"}}}}}
    ),
    "without namespaces, to callers that prove who they are": Case(
        {
            "config": {
                "server": {
                    # As YAML takes a plain off.
                    "namespaces": False,
                    "callerAuth": {
                        "mode": "enforce",
                        "audience": "injector",
                        "subjects": ["system:serviceaccount:kube-system:webhook-auth"],
                    },
                }
            }
        }
    ),
    "rights and account by others": Case(
        {
            "rbac": {"create": False},
            "serviceAccount": {"create": False, "name": "given"},
            "podDisruptionBudget": {"enabled": False},
        }
    ),
    "the account that every namespace has": Case(
        {
            "serviceAccount": {"create": False},
            "service": {"type": "LoadBalancer"},
            "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
        }
    ),
    "in the network of the nodes": Case(
        {"hostNetwork": True, "config": {"server": {"listen": ":18443", "healthListen": ":18080"}}}
    ),
    "a PodMonitor and alerts in other namespaces": Case(
        {
            "metrics": {
                "podMonitor": {"enabled": True, "namespace": "monitoring"},
                "alerts": {"enabled": True, "namespace": "monitoring"},
            }
        },
        OPERATORS,
    ),
    "with Events": Case({"config": {"server": {"events": "warnings"}}}),
    "without Events, as YAML takes a plain off": Case({"config": {"server": {"events": False}}}),
    "a profile of its own": Case(
        {
            "config": {"profile": "./"},
            "files": {"profile.yaml": PROFILE, "sidecar.yaml.j2": SIDECAR},
            "webhook": {"entries": [OWN_ENTRY]},
        }
    ),
    "a profile of its own, for all pods": Case(
        {"config": {"profile": "./"}, "files": {"profile.yaml": PROFILE, "sidecar.yaml.j2": SIDECAR}}
    ),
    "a profile of its own, for pods that opt in": Case(
        {
            "config": {"profile": "./", "policy": "disabled"},
            "files": {"profile.yaml": PROFILE, "sidecar.yaml.j2": SIDECAR},
        }
    ),
    "only pods that opt in": Case({"config": {"policy": "disabled"}}),
    "only selected pods": Case(
        {
            "config": {
                "policy": "disabled",
                "alwaysInjectSelector": [{"matchLabels": {"mesh": "on"}}],
            }
        }
    ),
}
"""By what makes them different."""
