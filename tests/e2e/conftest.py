"""The namespaces that the tests of this folder share; the node, the mesh and the injector are the plugin's.

All tests run in one process, one after the other. While you write tests, E2E_CLUSTER=NAME and
``python -m tests.beds.mesh up NAME`` spare the start; E2E_KUBECONFIG=FILE takes an existing cluster,
and E2E_LOAD the command that brings an image archive to it (``kind load image-archive``,
``k3d image import``).
"""

from __future__ import annotations

import pytest

from tests.beds.mesh.injector import Injector
from tests.beds.plugin import NewNamespace

INJECTED = {"istio-injection": "enabled"}


@pytest.fixture(scope="module")
def injected_namespace(new_namespace: NewNamespace, injector: Injector) -> str:
    """A namespace whose pods are injected."""
    del injector  # it injects them
    return new_namespace(INJECTED)


@pytest.fixture(scope="module")
def plain_namespace(new_namespace: NewNamespace) -> str:
    """A namespace whose pods are left alone."""
    return new_namespace({})
