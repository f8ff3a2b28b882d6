"""AdmissionReview in, AdmissionReview out, over HTTPS.

Here: reading and answering reviews (`reviews`, which knows no web framework), the application and
its hot path (`app`), listeners and signals (`run`). Not here: what a pod becomes, and the cluster.
"""
