"""Authentication of the webhook's callers: by the API server's client certificate, or a bearer token.

Here: whether a caller is accepted, and the reason where it is not. Not here: the handshake and the
headers (injector.server), and where keys come from: `injector.serving` passes a callable in.
"""
