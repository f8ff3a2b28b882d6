"""Differential check: random pods through the real `istioctl kube-inject` and through ours.

The flow: `cases` draws a case (`settings`, and workloads from tests/generators), `doors`
runs both programs on it, `comparison` looks at the two answers, `rounds` ties these together and
`shrinking` makes a difference small. `python -m tests.differential` is the command line. Not here:
building istioctl, that is tests/beds/programs/build.py, and golden cases, those stand with the tests.
"""
