"""Doors for people and pipelines.

Here: arguments, files, what is printed and the exit status. Not here: anything that decides what
a pod becomes. Modules are loaded when their command runs, and import heavy things late.
"""
