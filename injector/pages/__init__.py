"""Pages of HTML for people: data in, one self-contained text out.

Here: the page that explains, its style and its script, and the input of its form.
Not here: how a page is served (server/debug.py) or written to a file (cli/explain.py).
"""
