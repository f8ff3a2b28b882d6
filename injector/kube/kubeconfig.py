"""The configuration of the official client: which kubeconfig, else the ServiceAccount of this pod.

Not here: the client itself, which client.py and async_client.py import in their functions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from injector import installation, yamltext
from injector.errors import ClusterError, ManifestError
from injector.kube.api_errors import Request
from injector.printable import first_of, shown

USER_AGENT: Final = "sidecar-injector"
# Where a pod finds its namespace.
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_CONTEXTS: Final = 10


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


def check_kubeconfig(source: str | None, context: str | None) -> str:
    """Return the namespace of the context, else of this pod; "default" where it has none.

    Raises ClusterError for files that are no kubeconfig, and for a context that does not exist.
    """
    if source is None:
        return _own_namespace()
    contexts: dict[str, str] = {}
    current = context or ""
    for part in filter(None, source.split(os.pathsep)):
        if (path := Path(part).expanduser()).is_file():
            tree = _kubeconfig(path)
            current = current or str(tree.get("current-context") or "")
            for name, namespace in _contexts(tree):
                contexts.setdefault(name, namespace)
    if not current:
        hint = "use --context, or run 'kubectl config use-context NAME'"
        raise _misconfigured("the kubeconfig has no current context", source, hint)
    if current not in contexts:
        hint = (
            f"it has these contexts: {first_of(sorted(contexts), _CONTEXTS)}"
            if contexts
            else "it has no contexts"
        )
        raise _misconfigured(f"the kubeconfig has no context {shown(current)}", source, hint)
    return contexts[current] or "default"


def _own_namespace() -> str:
    try:
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip() or "default"
    except (OSError, ValueError):
        return "default"


def _kubeconfig(path: Path) -> dict[str, Any]:
    """The content of a kubeconfig. Messages show nothing of it: it has secrets."""
    hint = "use a file in the format of 'kubectl config view'"
    try:
        tree = yamltext.load(yamltext.Document(path.read_text(encoding="utf-8"), source=str(path)))
    except OSError as error:
        reason = (error.strerror or "file cannot be read").lower()
        hint = "check the permissions of the file" if isinstance(error, PermissionError) else hint
        raise _misconfigured(f"the kubeconfig cannot be read: {reason}", str(path), hint) from error
    except ManifestError as error:
        line = error.where.rpartition(":")[2]
        at = f" (line {line})" if line.isdecimal() else ""
        raise _misconfigured(f"the kubeconfig is not valid YAML{at}", str(path), hint) from error
    except ValueError as error:
        raise _misconfigured("the kubeconfig is not UTF-8", str(path), hint) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise _misconfigured("a kubeconfig is expected, and this file is not a map", str(path), hint)
    kind = tree.get("kind")
    if kind not in (None, "", "Config"):
        raise _misconfigured(f"a kubeconfig is expected, and this is a {shown(kind)}", str(path), hint)
    if not kind and "clusters" not in tree:
        raise _misconfigured("a kubeconfig is expected, and this file has no clusters", str(path), hint)
    return tree


def _contexts(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The contexts by name, and the namespace of each."""
    listed = tree.get("contexts")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("context"), dict):
            yield str(each.get("name")), str(each["context"].get("namespace") or "")


def _misconfigured(message: str, where: str, hint: str) -> ClusterError:
    return ClusterError(message, reason="Configuration", where=where, hint=hint)


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


def client_not_installed(error: ModuleNotFoundError) -> ClusterError:
    """The error for a missing optional dependency."""
    message, hint = installation.missing(error.name or "") or (f"{error.name} is not installed", "")
    return ClusterError(message, reason="NotInstalled", hint=hint)
