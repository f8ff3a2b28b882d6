"""Sidecar injection for Kubernetes: one pure function behind a webhook and a command line."""

__version__ = "0.1.0"
