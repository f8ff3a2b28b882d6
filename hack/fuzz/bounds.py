"""How much counted work a pod may cost: linear in its size, by the rules of the stages.

The numbers follow from what each stage walks, and not from what was measured:

* A template with its parts has at most 8,600 characters. One of them costs up to 10 / 64 of a unit
  (it is output once and parsed for eight times as much), and the values beside it are covered by
  one more. It gives at most 250 items, which are walked 8 times in the overlay and 8 times in the
  result. Each is one operation of the patch at most where the pod has its list, 30 units for some 50.
* Everything in a pod is walked 8 times as it came, and in the result 8 times more: there it stands
  at most 3 times, as the notes for the way back may hold it twice. A template copies it at most 4
  times, for 16 walks. Exchanging it takes two operations of the patch.
* A template may write a piece for each container. It has at most 600 characters and 10 items, and
  a container has 2 items at least; functions walk what they are given.
"""

from __future__ import annotations

from typing import Any, Final

from hack.fuzz.forging import MOUNT, VOLUME
from injector.core.model import AnnotationKeys

Tree = dict[str, Any]

_TEMPLATE: Final = 8_600 * 11 // 64 + 250 * (8 + 8) + 50 * 30
_ITEM: Final = 8 + 3 * 8 + 4 * 16 + 2 * 30
_ITEM_OF_TEMPLATE: Final = (600 * 10 // 64 + 10 * (8 + 8) + 30) // 2 + 20
_PROXY_CONFIG: Final = "proxy.istio.io/config"
_OF_YAML: Final = 4
_MARKS: Final = "[{,:\n"


def bound(pod: Tree, keys: AnnotationKeys, templates: int) -> int:
    """Units of work that a pod may cost where a pod that asks for none gets that many templates."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    texts = {key: value for key, value in annotations.items() if isinstance(value, str)}
    # What an undo annotation restores may be any other annotation.
    undone = texts.get(keys.undo, "")
    asked = [texts.get(keys.templates, ""), undone if _names(undone, keys.templates) else ""]
    templates = max(templates, 1 + max(text.count(",") for text in asked))
    # To see what an earlier injection can have made they are rendered up to twice more, and once more
    # to see what volumes there are already.
    renderings = (
        1 + 2 * (keys.status in texts) + any(k in texts or _names(undone, k) for k in (VOLUME, MOUNT))
    )
    yaml = len(texts.get(_PROXY_CONFIG, "")) + (len(undone) if _names(undone, _PROXY_CONFIG) else 0)
    fixed, each = renderings * templates * _TEMPLATE, _ITEM + renderings * templates * _ITEM_OF_TEMPLATE
    return fixed + each * size(pod) + yaml * _OF_YAML


def _names(undone: str, key: str) -> bool:
    return key.replace("/", "~1") in undone


def size(value: Any) -> int:
    """Items of a tree and 64ths of its characters; a text counts as what it may hold as JSON or YAML."""
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        total += 1
        if isinstance(item, str):
            # JSON writes other characters in up to twelve bytes.
            total += len(item) * (1 if item.isascii() else 12) // 64 + sum(map(item.count, _MARKS))
        elif isinstance(item, dict):
            stack.extend(item.values())
            total += sum(len(key) // 64 for key in item)
        elif isinstance(item, list):
            stack.extend(item)
    return total
