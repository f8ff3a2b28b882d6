"""The manifests as JSON values, one after the other, as `jq` and `kubectl apply -f -` read them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from injector import yamltext
from injector.cli.manifests import Part
from injector.cli.writing.output import Spool


def json_values(parts: Iterable[Part], out: Spool) -> None:
    """Each document with content as a JSON value; a List stays one. Raises ManifestError."""
    for part in parts:
        tree = part.changed.after if part.changed else yamltext.load(part.document)
        if tree is not None:
            out.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
