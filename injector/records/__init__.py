"""Admissions kept on disk without what pods say in confidence, and read again for a replay.

Here: what of a pod stays literal, the files and their bounds. Not here: answering reviews, and
what a replay compares.
"""
