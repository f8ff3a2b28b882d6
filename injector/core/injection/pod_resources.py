"""What injected containers need, added to the resources of the pod as a whole (setting `podResources`)."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.profile import Injection
from injector.core.quantities import canonical, parse
from injector.core.tree.strategic_merge import merge
from injector.core.validation.places import fields
from injector.core.validation.resources import amounts, total

ADD: Final = "add"


def add_share(run: Injection) -> None:
    """Raise the requests and limits of the pod by what Kubernetes counts for its containers in addition.

    Only where the pod sets them. Not with quirks on: then no undo annotation is written.
    """
    own = fields(fields(run.stripped.get("spec")).get("resources"))
    if run.config.pod_resources != ADD or run.config.quirks or not own:
        return
    raised = {kind: _raised(fields(own.get(kind)), run, kind) for kind in ("requests", "limits")}
    resources: Manifest = {kind: changes for kind, changes in raised.items() if changes}
    if resources:
        run.pod = merge(run.pod, {"spec": {"resources": resources}})


def _raised(own: Mapping[str, Any], run: Injection, kind: str) -> dict[str, str]:
    before, after = total(run.stripped, kind), total(run.pod, kind)
    share = {
        name: after.get(name, decimal.Decimal()) - before.get(name, decimal.Decimal())
        for name in amounts(own)
    }
    return {name: _plus(str(own[name]), amount) for name, amount in share.items() if amount > 0}


def _plus(quantity: str, amount: decimal.Decimal) -> str:
    """The sum as the API server writes it, in the unit family of the quantity."""
    value = parse(quantity) + amount
    if quantity.endswith("i") and value % 1024 == 0:
        return canonical(f"{int(value) // 1024}Ki")
    return canonical(format(value.normalize(), "f"))
