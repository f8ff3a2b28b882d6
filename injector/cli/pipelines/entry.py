"""The programs beside `injector` that other programs call by their names.

Not here: what the commands do.
"""

from __future__ import annotations

import sys

from injector.cli import main as program
from injector.cli.pipelines import copied


def post_renderer() -> int:
    """`injector-post-renderer`: `injector render --post-renderer`, with errors of its flags visible too."""
    return copied.run(lambda: program.main(["render", "--post-renderer", *sys.argv[1:]]))
