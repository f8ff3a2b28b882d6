"""Reports for machines: what a run reports as typed entries, and the formats that hold them.

Not here: what people read (`report`), and which file a report goes to (`reported`).
"""

from injector.light_import import later

# A report for people needs none of them.
later(f"{__name__}.finished", f"{__name__}.formats")
