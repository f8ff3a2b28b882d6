"""Recorded admissions: written to disk without secrets, and read again for a replay.

Here: which parts of a pod stay literal, the files and their bounds. Not here: answering reviews, and the
comparison of a replay.
"""
