"""The programs that the chart is tested with are what they say, by the stamps that they were built with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beds import helm
from tests.beds.programs import build

CHART = "apiVersion: v2\nname: tiny\nversion: 1.0.0\n"
TEMPLATE = """\
helm: {{ .Capabilities.HelmVersion.Version }}
kubernetes: {{ .Capabilities.KubeVersion.Major }}.{{ .Capabilities.KubeVersion.Minor }}
"""


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_helm_renders_for_the_kubernetes_that_it_was_built_with(version: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text(CHART)
    (tmp_path / "templates" / "versions.yaml").write_text(TEMPLATE)
    family = build.family(version)
    minor = family.pinned("k8s.io/client-go").split(".")[1]
    (rendered,) = helm.objects(helm.run(version, "template", str(tmp_path)))
    assert rendered == {"helm": family.version, "kubernetes": float(f"1.{minor}")}
