"""Runs of `--in-place` that are killed: each file is old or new afterwards, and the next run cleans up."""
