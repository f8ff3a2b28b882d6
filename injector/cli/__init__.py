"""Commands for people and pipelines.

Here: files, what is printed and the exit status; the flags are in `commands`. Not here: anything that
decides what a pod becomes. A module is loaded when its command runs.
"""
