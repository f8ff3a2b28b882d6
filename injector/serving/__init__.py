"""The running webhook, composed of server, callers, certs, kube, config and records.

Here: which parts run, and what each gets of the others. Not here: what a part does.
"""
