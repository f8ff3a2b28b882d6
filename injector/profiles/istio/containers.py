"""Names of the containers that the profile injects."""

from __future__ import annotations

from typing import Final

PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"
VALIDATION: Final = "istio-validation"
CORE_DUMP: Final = "enable-core-dump"
INJECTED: Final = frozenset({PROXY, INIT, VALIDATION, CORE_DUMP})
