"""Reports for machines: what a run reports as typed entries, and the formats that hold them.

Not here: what people read (`report`), and which file a report goes to (`reported`).
"""
