"""AdmissionReview in, AdmissionReview out, over HTTPS.

Here: reading (`reviews`) and answering (`answers`) reviews without a web framework, the application and
its hot path (`app`), listeners and signals (`run`). Not here: injection itself, and the cluster.
"""
