"""The bounded template engine: Jinja templates that give data, not text, with limits on work.

Here: marks and skeletons, the sandbox and its operations, the budget of one template. Not here: what
templates are about. The engine knows no pod, profile or mesh.
"""

from injector.light_import import CALLED, later, stand_ins
from injector.patterns import patterns_later

# Running a compiled template takes a small part of Jinja.
later("jinja2")
with stand_ins({"random": {"choice": CALLED, "randrange": CALLED}}), patterns_later():
    import jinja2.utils  # noqa: F401
