"""The part of SARIF 2.1.0 that is used here, as a JSON Schema written from the OASIS specification.

Objects are closed, so that a property in a wrong place is an error.
The schema of OASIS is in no Python package.
"""

from __future__ import annotations

from typing import Any

LEVEL = {"enum": ["none", "note", "warning", "error"]}
TEXT = {"type": "string", "minLength": 1}


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": required | optional,
    }


MESSAGE = closed({"text": TEXT})
DESCRIPTOR = closed(
    {"id": TEXT},
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=closed({"text": TEXT}, markdown=TEXT),
    defaultConfiguration=closed({}, level=LEVEL),
)
DRIVER = closed(
    {"name": TEXT},
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    rules={"type": "array", "uniqueItems": True, "maxItems": 25_000, "items": DESCRIPTOR},
    notifications={"type": "array", "uniqueItems": True, "items": DESCRIPTOR},
)
LOCATION = closed(
    {
        "physicalLocation": closed(
            {
                # A path from the root of the repository: no scheme, no leading slash, nothing above it.
                "artifactLocation": closed(
                    {"uri": {"type": "string", "pattern": r"^(?!/|\.\./)[A-Za-z0-9._~%/-]+$"}},
                    uriBaseId={"const": "%SRCROOT%"},
                ),
                "region": closed({"startLine": {"type": "integer", "minimum": 1}}),
            }
        )
    },
    logicalLocations={"type": "array", "items": closed({"fullyQualifiedName": TEXT})},
)
RESULT = closed(
    {
        "ruleId": TEXT,
        "message": MESSAGE,
        # GitHub requires a place, and shows the first.
        "locations": {"type": "array", "minItems": 1, "maxItems": 1_000, "items": LOCATION},
    },
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    partialFingerprints=closed(
        {"primaryLocationLineHash": {"type": "string", "pattern": "^[0-9a-f]{16}:[1-9][0-9]*$"}}
    ),
)
NOTIFICATION = closed({"message": MESSAGE}, level=LEVEL, descriptor=closed({"id": TEXT}))
INVOCATION = closed(
    {"executionSuccessful": {"type": "boolean"}},
    exitCode={"type": "integer"},
    workingDirectory=closed({"uri": {"type": "string", "pattern": "^file:///.*/$"}}),
    toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
    properties={"type": "object"},
)
RUN = closed(
    {"tool": closed({"driver": DRIVER}), "results": {"type": "array", "maxItems": 25_000, "items": RESULT}},
    automationDetails=closed({"id": {"type": "string", "pattern": "^injector/[a-z-]+/$"}}),
    invocations={"type": "array", "items": INVOCATION},
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
)
SCHEMA = closed(
    {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"type": "array", "minItems": 1, "maxItems": 20, "items": RUN},
    }
)
