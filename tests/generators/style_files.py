"""Writes tests/fixtures/styles: a repository of small manifests in the YAML of a dozen people.

``python -m tests.generators.style_files`` writes the folder; its files are committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.generators.yaml_styles import Habits, Tree, written

FOLDER: Final = Path(__file__).resolve().parents[1] / "fixtures" / "styles"
STYLES: Final = {
    "as-kubectl-writes": Habits(),
    "helm": Habits(quotes='"', head="---\n# Source: shop/templates/web.yaml\n", comments=0.05),
    "lists-indented": Habits(before_dash=2, blank_lines=0.1),
    "four-blanks": Habits(step=4, before_dash=4, comments=0.1),
    "wide-dashes": Habits(step=4, behind_dash=4, tail="# end\n"),
    "windows": Habits(line_break="\r\n", bom=True, comments=0.1, blocks=True),
    "commented": Habits(comments=0.6, blank_lines=0.2, before_dash=2, head="# Owner: team shop\n\n"),
    "single-quotes": Habits(quotes="'", head="---\n", tail="...\n"),
    "open-end": Habits(last_break=False, quotes="mixed", wide=True),
    "flow": Habits(flow=0.3, quotes="mixed"),
    "anchors": Habits(anchors=0.3, tags=0.1, comments=0.1),
}
JSON: Final = "json"


def workloads() -> list[Tree]:
    """The objects of the repository."""
    http: Tree = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}
    tcp: Tree = {"tcpSocket": {"port": 5432}}
    port: Tree = {"ports": [{"name": "http", "containerPort": 8080}]}
    command: Tree = {"command": ["/bin/sh", "-c", "set -eu\nexport MODE=fast\nexec /bin/server\n"]}
    limits: Tree = {"resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}
    mount: Tree = {"volumeMounts": [{"name": "config", "mountPath": "/etc/web"}]}
    volumes: Tree = {"volumes": [{"name": "config", "configMap": {"name": "web", "defaultMode": 292}}]}
    env: Tree = {"env": [{"name": "MODE", "value": "fast"}, {"name": "LEVEL", "value": "3"}]}
    metrics: Tree = {"prometheus.io/scrape": "true", "prometheus.io/port": "9102", "prometheus.io/path": "/m"}
    return [
        _workload("plain", "Deployment", _pod(_container())),
        _workload("ready", "Deployment", _pod(_container(**port, readinessProbe=http))),
        _workload("alive", "Deployment", _pod(_container(livenessProbe=tcp))),
        _workload("scraped", "Deployment", _pod(_container(**env)), metrics),
        _workload("script", "Deployment", _pod(_container(**command))),
        _workload("two", "Deployment", _pod(_container(**port), {**_container(), "name": "helper"})),
        _workload("prepared", "Deployment", {"initContainers": [_container("first")], **_pod(_container())}),
        _workload("mounted", "Deployment", {**_pod(_container(**mount)), **volumes}),
        _workload(
            "limited", "Deployment", {"securityContext": {"fsGroup": 1000}, **_pod(_container(**limits))}
        ),
        _workload("excluded", "Deployment", _pod(_container()), {"sidecar.istio.io/inject": "false"}),
        _workload("tuned", "Deployment", _pod(_container()), {"proxy.istio.io/config": "concurrency: 2\n"}),
        _workload("stored", "StatefulSet", {**_pod(_container(**mount)), **volumes}),
        _workload("agent", "DaemonSet", {**_pod(_container(**env)), "tolerations": [{"operator": "Exists"}]}),
        _workload("once", "Job", _pod(_container(args=["--once"]))),
        _workload("hourly", "CronJob", _pod(_container(**env))),
        _workload("single", "Pod", _pod(_container(**port))),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80}]},
        },
    ]


def _pod(*containers: Tree) -> Tree:
    return {"serviceAccountName": "shop", "containers": list(containers)}


def _container(name: str = "app", **more: Any) -> Tree:
    return {"name": name, "image": "registry.example.com/shop/web:1.4", **more}


def _workload(name: str, kind: str, pod: Tree, annotations: Tree | None = None) -> Tree:
    template: Tree = {"metadata": {"labels": {"app": name, "team": "shop"}}, "spec": pod}
    if annotations:
        template["metadata"]["annotations"] = annotations
    own = {"name": name, "namespace": "shop"}
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": kind, "metadata": {**own, **template["metadata"]}, "spec": pod}
    spec: Tree = {"template": template}
    if kind in ("Job", "CronJob"):
        pod["restartPolicy"] = "Never"
    else:
        spec = {"selector": {"matchLabels": {"app": name}}, **spec}
    if kind == "CronJob":
        spec = {"schedule": "*/5 * * * *", "jobTemplate": {"spec": spec}}
    if kind == "StatefulSet":
        spec = {"serviceName": name, **spec}
    group = "batch" if "Job" in kind else "apps"
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": own, "spec": spec}


def main() -> None:
    """Write the files."""
    for number, (style, habits) in enumerate(STYLES.items()):
        for tree in workloads():
            text = written(tree, habits, Random(f"{number} {tree['metadata']['name']}"))
            _write(FOLDER / style / f"{tree['metadata']['name']}.yaml", text)
    for tree in workloads():
        _write(FOLDER / JSON / f"{tree['metadata']['name']}.json", json.dumps(tree, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
