"""The configuration of the official client: which kubeconfig, else the ServiceAccount of this pod.

Not here: the client itself, which client.py and async_client.py import in their functions.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from injector.errors import ClusterError
from injector.kube.api_errors import Request

USER_AGENT: Final = "sidecar-injector"


def inside(kubeconfig: str | None, context: str | None) -> bool:
    """Return whether `connect` takes the cluster of this pod."""
    return find_kubeconfig(kubeconfig, context) is None


def find_kubeconfig(path: str | None, context: str | None) -> str | None:
    """Return the files to read, separated as in $KUBECONFIG; None stands for the cluster of this pod."""
    source = path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if any(Path(part).expanduser().is_file() for part in source.split(os.pathsep) if part):
        return source
    if path or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise ClusterError(
            "the kubeconfig file does not exist",
            reason="Configuration",
            where=source,
            hint="set --kubeconfig or $KUBECONFIG",
        )
    return None


def load_config(config: Any, configuration: Any, source: str | None, context: str | None) -> Any:
    """Fill a configuration of the client; what its asyncio half returns is to be awaited."""
    if source:
        return config.load_kube_config(source, context, client_configuration=configuration)
    # The ServiceAccount of this pod. The client reads its token again every minute.
    return config.load_incluster_config(client_configuration=configuration)


def with_user_agent(api: Any) -> Any:
    """The client, which names this injector in its requests."""
    api.user_agent = USER_AGENT
    return api


def unusable_config(source: str | None, error: Exception, expected: type[Exception]) -> ClusterError:
    """The error for a kubeconfig that the client cannot use.

    The client raises anything from KeyError to binascii.Error. Its own messages may hold whole
    entries, with secrets, from the first brace on.
    """
    text = str(error).split("{")[0].rstrip(" /") if isinstance(error, expected) else type(error).__name__
    return ClusterError(
        f"the cluster configuration is not usable: {text}",
        reason="Configuration",
        where=source or "the ServiceAccount of this pod",
        hint="run 'kubectl config view' with the same file and context",
    )


def unreadable_credentials(request: Request, error: Exception) -> ClusterError:
    """The error for a token that the client cannot read again."""
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return ClusterError(
        f"the credentials cannot be read: {reason}",
        reason="Configuration",
        where=request.where,
        hint="check the token of this pod's ServiceAccount, or 'kubectl config view'",
    )


def client_not_installed() -> ClusterError:
    """The error for a missing optional dependency."""
    return ClusterError(
        "the Kubernetes client is not installed",
        reason="NotInstalled",
        hint="pip install 'sidecar-injector[cluster]'",
    )
