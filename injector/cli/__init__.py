"""Commands for people and pipelines.

Here: files, what is printed and the exit status; the flags are in `commands`. Not here: anything that
decides what a pod becomes. A module is loaded when its command runs.
"""

from injector.light_import import later

# Imported by Click, Jinja and the standard library for what commands seldom do.
later("inspect", "ipaddress", "random", "signal", "subprocess", "tempfile", "yaml")
