"""The bounded template engine: Jinja templates that give data, not text, with limits on work.

Here: marks and skeletons, the sandbox and its operations, the budget of one template. Not here: what
templates are about. The engine knows no pod, profile or mesh.
"""

from injector.light_import import CALLED, later, stand_ins
from injector.patterns import patterns_later

# Running a compiled template takes a small part of Jinja.
later("jinja2")
_OF_UTILS = {
    "random": {"choice": CALLED, "randrange": CALLED},
    "urllib.parse": {"quote_from_bytes": CALLED},
}
with stand_ins(_OF_UTILS), patterns_later():
    import jinja2.utils

# No template is asynchronous, and contexts are our own (`running`).
_OF_RUNTIME = {
    "jinja2.async_utils": {"auto_aiter": CALLED, "auto_await": CALLED},
    "jinja2.nodes": {"EvalContext": CALLED},
}
with stand_ins(_OF_RUNTIME):
    import jinja2.runtime  # noqa: F401
