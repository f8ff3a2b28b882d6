"""The webhook's keys and certificates, their renewal, and the caBundle that trusts them.

Here: certificates that the injector signs (`own`, decided by `plan`, stored in a Secret by `stored`),
those that another program renews (`files`), the caBundle (`published`), making certificates (`issue`)
and reading them (`pair`). Not here: sockets and TLS (`injector.server.tls`), and the cluster's client,
of which five methods are needed (`published.ClusterAccess`).
"""

from injector.patterns import patterns_later

# The expressions are for names that are read from a text.
with patterns_later():
    import cryptography.x509  # noqa: F401
