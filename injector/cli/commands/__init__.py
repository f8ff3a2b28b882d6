"""The commands as click sees them: names, flags, help and examples.

Here: declarations, and one import of the implementation in the body of each command. Not here: what
a command does. Nothing else is imported at the top, so that `--help` and completion stay fast.
"""
