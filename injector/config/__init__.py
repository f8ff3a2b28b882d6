"""From what people write (settings, profile folders, upstream's ConfigMaps) to one `core.model.Config`.

Here: reading and checking files and texts, and putting a snapshot together. Not here: what the
settings mean for a pod (core, profiles), and asking a cluster (kube).
"""

from injector.light_import import later

# Only for profiles with a schema.
later(f"{__name__}.value_schema")
