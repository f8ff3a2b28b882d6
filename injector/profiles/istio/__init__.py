"""What the istio profile needs beyond its templates: pure functions on plain dicts.

`profile` ties them to the stages of the core; `context` is what templates see; `bootstrap` is what
a workload must know to join the mesh; `probes` and `prometheus` rewrite what the application
declares; `proxyconfig` and `meshconfig` read the mesh API; `annotations` is the catalogue.
"""

from injector.light_import import later

# What most commands and admissions do not use.
later(
    *(f"{__name__}.{name}" for name in ("copied", "powers", "recording", "requestpath", "symptoms", "traces"))
)
