"""Why a pod of a cluster has no sidecar or is not ready: causes, from what the cluster shows."""
