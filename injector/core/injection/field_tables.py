"""The fields of containers and volumes that Kubernetes knows, with their types.

A word is a type, a map of words the fields of a map, a list of one word a list of it, and the key *
stands for all keys. Not here: what the words mean (field_types.py).
"""

from __future__ import annotations

from typing import Any, Final

_TEXTS: Final = {"*": "string"}
_SECRET: Final = {"name": "string"}
_ITEMS: Final = [{"key": "string", "path": "string", "mode": "int32"}]
_NAMED: Final = {"name": "string", "items": _ITEMS, "optional": "boolean"}
_FIELDS: Final[list[dict[str, Any]]] = [
    {
        "path": "string",
        "fieldRef": {"apiVersion": "string", "fieldPath": "string"},
        "resourceFieldRef": {"containerName": "string", "resource": "string", "divisor": "quantity"},
        "mode": "int32",
    }
]
_SELECTOR: Final = {
    "matchLabels": _TEXTS,
    "matchExpressions": [{"key": "string", "operator": "string", "values": ["string"]}],
}
_DATA_SOURCE: Final = {"apiGroup": "string", "kind": "string", "name": "string", "namespace": "string"}
_CLAIM: Final = {
    "metadata": {
        "name": "string",
        "generateName": "string",
        "namespace": "string",
        "selfLink": "string",
        "uid": "string",
        "resourceVersion": "string",
        "generation": "int64",
        "creationTimestamp": "time",
        "deletionTimestamp": "time",
        "deletionGracePeriodSeconds": "int64",
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "ownerReferences": [
            {
                "apiVersion": "string",
                "kind": "string",
                "name": "string",
                "uid": "string",
                "controller": "boolean",
                "blockOwnerDeletion": "boolean",
            }
        ],
        "finalizers": ["string"],
        "managedFields": [
            {
                "manager": "string",
                "operation": "string",
                "apiVersion": "string",
                "time": "time",
                "fieldsType": "string",
                "subresource": "string",
            }
        ],
    },
    "spec": {
        "accessModes": ["string"],
        "selector": _SELECTOR,
        "resources": {"limits": {"*": "quantity"}, "requests": {"*": "quantity"}},
        "volumeName": "string",
        "storageClassName": "string",
        "volumeMode": "string",
        "dataSource": _DATA_SOURCE,
        "dataSourceRef": _DATA_SOURCE,
        "volumeAttributesClassName": "string",
    },
}
_DISK: Final = {"fsType": "string", "readOnly": "boolean"}

VOLUME: Final[dict[str, Any]] = {
    "name": "string",
    "hostPath": {"path": "string", "type": "string"},
    "emptyDir": {"medium": "string", "sizeLimit": "quantity"},
    "gcePersistentDisk": {**_DISK, "pdName": "string", "partition": "int32"},
    "awsElasticBlockStore": {**_DISK, "volumeID": "string", "partition": "int32"},
    "gitRepo": {"repository": "string", "revision": "string", "directory": "string"},
    "secret": {"secretName": "string", "items": _ITEMS, "defaultMode": "int32", "optional": "boolean"},
    "nfs": {"server": "string", "path": "string", "readOnly": "boolean"},
    "iscsi": {
        **_DISK,
        "targetPortal": "string",
        "iqn": "string",
        "lun": "int32",
        "iscsiInterface": "string",
        "portals": ["string"],
        "chapAuthDiscovery": "boolean",
        "chapAuthSession": "boolean",
        "secretRef": _SECRET,
        "initiatorName": "string",
    },
    "glusterfs": {"endpoints": "string", "path": "string", "readOnly": "boolean"},
    "persistentVolumeClaim": {"claimName": "string", "readOnly": "boolean"},
    "rbd": {
        **_DISK,
        "monitors": ["string"],
        "image": "string",
        "pool": "string",
        "user": "string",
        "keyring": "string",
        "secretRef": _SECRET,
    },
    "flexVolume": {**_DISK, "driver": "string", "secretRef": _SECRET, "options": _TEXTS},
    "cinder": {**_DISK, "volumeID": "string", "secretRef": _SECRET},
    "cephfs": {
        "monitors": ["string"],
        "path": "string",
        "user": "string",
        "secretFile": "string",
        "secretRef": _SECRET,
        "readOnly": "boolean",
    },
    "flocker": {"datasetName": "string", "datasetUUID": "string"},
    "downwardAPI": {"items": _FIELDS, "defaultMode": "int32"},
    "fc": {**_DISK, "targetWWNs": ["string"], "lun": "int32", "wwids": ["string"]},
    "azureFile": {"secretName": "string", "shareName": "string", "readOnly": "boolean"},
    "configMap": {**_NAMED, "defaultMode": "int32"},
    "vsphereVolume": {
        "volumePath": "string",
        "fsType": "string",
        "storagePolicyName": "string",
        "storagePolicyID": "string",
    },
    "quobyte": {
        "registry": "string",
        "volume": "string",
        "readOnly": "boolean",
        "user": "string",
        "group": "string",
        "tenant": "string",
    },
    "azureDisk": {
        **_DISK,
        "diskName": "string",
        "diskURI": "string",
        "cachingMode": "string",
        "kind": "string",
    },
    "photonPersistentDisk": {"pdID": "string", "fsType": "string"},
    "projected": {
        "sources": [
            {
                "secret": _NAMED,
                "configMap": _NAMED,
                "downwardAPI": {"items": _FIELDS},
                "serviceAccountToken": {"audience": "string", "expirationSeconds": "int64", "path": "string"},
                "clusterTrustBundle": {
                    "name": "string",
                    "signerName": "string",
                    "labelSelector": _SELECTOR,
                    "optional": "boolean",
                    "path": "string",
                },
                "podCertificate": {
                    "signerName": "string",
                    "keyType": "string",
                    "maxExpirationSeconds": "int32",
                    "credentialBundlePath": "string",
                    "keyPath": "string",
                    "certificateChainPath": "string",
                    "userAnnotations": _TEXTS,
                },
            }
        ],
        "defaultMode": "int32",
    },
    "portworxVolume": {**_DISK, "volumeID": "string"},
    "scaleIO": {
        **_DISK,
        "gateway": "string",
        "system": "string",
        "secretRef": _SECRET,
        "sslEnabled": "boolean",
        "protectionDomain": "string",
        "storagePool": "string",
        "storageMode": "string",
        "volumeName": "string",
    },
    "storageos": {**_DISK, "volumeName": "string", "volumeNamespace": "string", "secretRef": _SECRET},
    "csi": {**_DISK, "driver": "string", "volumeAttributes": _TEXTS, "nodePublishSecretRef": _SECRET},
    "ephemeral": {"volumeClaimTemplate": _CLAIM},
    "image": {"reference": "string", "pullPolicy": "string"},
}
MOUNT: Final[dict[str, Any]] = {
    "name": "string",
    "readOnly": "boolean",
    "recursiveReadOnly": "string",
    "mountPath": "string",
    "subPath": "string",
    "mountPropagation": "string",
    "subPathExpr": "string",
}
_HANDLER: Final[dict[str, Any]] = {
    "exec": {"command": ["string"]},
    "httpGet": {
        "path": "string",
        "port": "port",
        "host": "string",
        "scheme": "string",
        "httpHeaders": [{"name": "string", "value": "string"}],
    },
    "tcpSocket": {"port": "port", "host": "string"},
}
_PROBE: Final = {
    **_HANDLER,
    "grpc": {"port": "int32", "service": "string"},
    "initialDelaySeconds": "int32",
    "timeoutSeconds": "int32",
    "periodSeconds": "int32",
    "successThreshold": "int32",
    "failureThreshold": "int32",
    "terminationGracePeriodSeconds": "int64",
}
_HOOK: Final = {**_HANDLER, "sleep": {"seconds": "int64"}}
_OF_MAP: Final = {"name": "string", "optional": "boolean"}
_KEY_OF_MAP: Final = {**_OF_MAP, "key": "string"}
_SECURITY_PROFILE: Final = {"type": "string", "localhostProfile": "string"}
CONTAINER: Final[dict[str, Any]] = {
    "name": "string",
    "image": "string",
    "command": ["string"],
    "args": ["string"],
    "workingDir": "string",
    "ports": [
        {
            "name": "string",
            "hostPort": "int32",
            "containerPort": "int32",
            "protocol": "string",
            "hostIP": "string",
        }
    ],
    "envFrom": [{"prefix": "string", "configMapRef": _OF_MAP, "secretRef": _OF_MAP}],
    "env": [
        {
            "name": "string",
            "value": "string",
            "valueFrom": {
                "fieldRef": _FIELDS[0]["fieldRef"],
                "resourceFieldRef": _FIELDS[0]["resourceFieldRef"],
                "configMapKeyRef": _KEY_OF_MAP,
                "secretKeyRef": _KEY_OF_MAP,
                "fileKeyRef": {
                    "volumeName": "string",
                    "path": "string",
                    "key": "string",
                    "optional": "boolean",
                },
            },
        }
    ],
    "resources": {
        "limits": {"*": "quantity"},
        "requests": {"*": "quantity"},
        "claims": [{"name": "string", "request": "string"}],
    },
    "resizePolicy": [{"resourceName": "string", "restartPolicy": "string"}],
    "restartPolicy": "string",
    "restartPolicyRules": [{"action": "string", "exitCodes": {"operator": "string", "values": ["int32"]}}],
    "volumeMounts": [MOUNT],
    "volumeDevices": [{"name": "string", "devicePath": "string"}],
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "lifecycle": {"postStart": _HOOK, "preStop": _HOOK, "stopSignal": "string"},
    "terminationMessagePath": "string",
    "terminationMessagePolicy": "string",
    "imagePullPolicy": "string",
    "securityContext": {
        "capabilities": {"add": ["string"], "drop": ["string"]},
        "privileged": "boolean",
        "seLinuxOptions": {"user": "string", "role": "string", "type": "string", "level": "string"},
        "windowsOptions": {
            "gmsaCredentialSpecName": "string",
            "gmsaCredentialSpec": "string",
            "runAsUserName": "string",
            "hostProcess": "boolean",
        },
        "runAsUser": "int64",
        "runAsGroup": "int64",
        "runAsNonRoot": "boolean",
        "readOnlyRootFilesystem": "boolean",
        "allowPrivilegeEscalation": "boolean",
        "procMount": "string",
        "seccompProfile": _SECURITY_PROFILE,
        "appArmorProfile": _SECURITY_PROFILE,
    },
    "stdin": "boolean",
    "stdinOnce": "boolean",
    "tty": "boolean",
}
SPEC: Final = {
    "containers": [CONTAINER],
    "initContainers": [CONTAINER],
    "volumes": [VOLUME],
    "imagePullSecrets": [{"name": "string"}],
}
