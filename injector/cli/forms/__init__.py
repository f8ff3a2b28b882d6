"""The forms in which rendered manifests come out. Not here: what is rendered."""
