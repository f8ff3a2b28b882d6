"""The soak: pods made and deleted without pause, while all that happens to a webhook happens to this one.

The API server is real, two replicas of `injector serve` stand behind one address, and every pod is
looked at. ``make soak`` runs it; tests/apiserver has its short form.
"""
