"""A manifest that another version of the control plane injected becomes what a fresh injection gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.cli.world import from_objects
from injector.core.injection.pipeline import inject
from injector.core.model import Verdict
from tests.cases import reading
from tests.test_cases import LAWFUL, Stage, case_of, core_runs, set_up
from tests.test_digest import FACTS, built, config_of

OLDER: dict[str, Any] = {
    "nativeSidecars": "disabled",
    "values": {
        "global": {"tag": "1.28.0", "mountMtlsCerts": True, "proxy": {"logLevel": "debug", "resources": None}}
    },
    "meshConfig": {"defaultConfig": {"concurrency": 2, "proxyMetadata": {"OLD": "1"}}},
}
RICH: dict[str, Any] = {
    "metadata": {
        "labels": {"app": "rich", "version": "v1"},
        "annotations": {"team": "a", "prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
    },
    "spec": {
        "initContainers": [{"name": "migrate", "image": "migrate:1"}],
        "containers": [
            {
                "name": "app",
                "image": "app:1",
                "ports": [{"containerPort": 8080, "name": "http"}],
                "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            },
            {"name": "side", "image": "side:1"},
        ],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "imagePullSecrets": [{"name": "registry"}],
    },
}
GROUPS = ("custom", "gateway", "grpc", "metrics", "native", "probes")
CASES = [name for name in LAWFUL if name.startswith(GROUPS) and not case_of(name).quirks]


def test_a_newer_version_replaces_the_sidecar_of_an_older_one_byte_for_byte() -> None:
    older, newer = config_of(OLDER), config_of({})
    for before, after in ((older, newer), (newer, older)):
        once = inject(RICH, FACTS, before).pod
        again = inject(once, FACTS, after)
        fresh = inject(RICH, FACTS, after)
        assert json.dumps(again.pod) == json.dumps(fresh.pod)


@pytest.mark.parametrize("name", CASES)
def test_no_golden_result_keeps_anything_of_an_older_version(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    set_up(case, tmp_path)
    around = from_objects([str(tmp_path / "objects.yaml")], "")
    inject_settings = yaml.safe_dump(case.inject) if case.inject else ""
    texts = [yaml.safe_dump(raw) for raw in (reading.over(case.config, OLDER), case.config)]
    runs = (core_runs(case, Stage(built(text, inject_settings), around)) for text in texts)
    for (pod, facts, older), (_, _, config) in zip(*runs, strict=True):
        once, fresh = inject(pod, facts, older), inject(pod, facts, config)
        if fresh.decision.verdict is Verdict.INJECT and once.decision.verdict is Verdict.INJECT:
            assert inject(once.pod, facts, config).pod == fresh.pod
