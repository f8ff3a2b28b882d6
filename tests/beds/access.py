"""Access to the servers of beds: kubeconfigs, private files, and reading a URL.

Not here: which servers there are (apiserver/, node/), and kubectl (bed.py).
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)


def kubeconfig(name: str, cluster: Mapping[str, str], user_name: str, user: Mapping[str, str]) -> str:
    """Return a kubeconfig for one user of the cluster of that name."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": dict(cluster)}],
            "users": [{"name": user_name, "user": dict(user)}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user_name}}],
            "current-context": name,
        },
        indent=1,
    )


def opener(context: ssl.SSLContext | None = None) -> urllib.request.OpenerDirector:
    """Return what opens URLs without the proxies of the environment."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def read(
    url: str,
    context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = 5.0,
) -> str | None:
    """Return what a GET gives; None where there is no answer, or an error."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with opener(context).open(request, timeout=seconds) as answer:
            return str(answer.read().decode())
    except OSError:  # refused, reset, timed out, or an HTTP error: all are OSErrors
        return None
