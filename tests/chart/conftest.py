"""The programs that the chart's tests share."""

from __future__ import annotations

import pytest

from tests.beds import helm
from tests.beds.plugin import required
from tests.beds.programs import build


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Helm 3 and 4 and kubeconform, built where they are missing."""
    names = (*helm.VERSIONS, "kubeconform")
    required("helm", build.unavailable(names))
    build.programs(names)
