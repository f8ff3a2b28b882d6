"""YAML as Kubernetes reads and writes it: text to tree, tree to text, with positions.

Kubernetes reads YAML neither as version 1.1 nor as 1.2 says, and neither as PyYAML does: `1e3`,
`0o14` and `y` are no strings there, `1:20` and `2001-01-01` are. This package is the only place
that knows; no other imports a YAML library. Trees are what JSON has: dict, list, str, int,
float, bool, None.

Here: cutting a stream into documents (`split`), reading (`load` and its kin, `load_json`), finding a
line (`locate`), writing (`dump`, `dump_json`), editing a text in place (`edited`). Not here: files, what a
manifest must contain, templates.
"""

from injector.yamltext.compose import MARK, Marked
from injector.yamltext.draft import Obstacle
from injector.yamltext.edit import edited
from injector.yamltext.events import AnchorError, YamlError
from injector.yamltext.json_write import dump_json
from injector.yamltext.pairs import Pairs, load_pairs
from injector.yamltext.read import kind_of, load, load_json, load_styled, load_text, load_untrusted, locate
from injector.yamltext.stream import Document, split, split_bytes
from injector.yamltext.write import dump

__all__ = [
    "MARK",
    "AnchorError",
    "Document",
    "Marked",
    "Obstacle",
    "Pairs",
    "YamlError",
    "dump",
    "dump_json",
    "edited",
    "kind_of",
    "load",
    "load_json",
    "load_pairs",
    "load_styled",
    "load_text",
    "load_untrusted",
    "locate",
    "split",
    "split_bytes",
]
