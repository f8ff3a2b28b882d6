"""Who vouches for the webhook: keys, certificates, their renewal, and the caBundle that trusts them.

Here: three sources, our own (`own`, decided by `plan`, kept in a Secret that `stored` reads and
writes) and those of others (`files`); what is published (`published`); making (`issue`) and judging
(`pair`). Not here: sockets and TLS, that is `injector.server.tls`; the cluster's client, which comes
as something with five methods (`published.Cluster`).
"""
