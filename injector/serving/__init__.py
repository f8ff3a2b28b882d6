"""The running webhook, composed of the edges.

Here: which parts run, and what one is handed of another. Not here: what a part does.
"""
