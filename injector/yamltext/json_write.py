"""Tree to JSON text in the style of another JSON text: its indentation, or one line.

Not here: YAML (write.py).
"""

from __future__ import annotations

import json
from typing import Any

from injector.patterns import pattern

# Behind a YAML document, kubectl reads JSON as YAML. There these characters are allowed as escapes only,
# and the two escapes that JSON needs for others, such as emoji, are not.
_NOT_YAML = pattern("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_FIRST_KEY = pattern(r'\{(?P<lead>[ \t\r\n]*)"(?:[^"\\]|\\.)*"(?P<colon>[ \t]*:[ \t]*)')


def dump_json(tree: Any, like: str) -> str:
    """Write a tree as JSON, without a line break at the end, in the style of `like`.

    The first key of `like` shows the style.
    """
    first = _FIRST_KEY.search(like)
    lead, colon = (first["lead"], first["colon"]) if first else ("\n  " if "\n" in like else "", ": ")
    lines = "\n" in lead
    comma = "," if lines or colon[-1] == ":" else ", "
    text = json.dumps(
        tree,
        indent=lead.rpartition("\n")[2] if lines else None,
        separators=(comma, colon),
        ensure_ascii=False,
    )
    return _NOT_YAML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
