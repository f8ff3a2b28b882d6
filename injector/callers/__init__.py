"""Who calls the webhook: the API server's client certificate, or a bearer token that it was given.

Here: whether a caller is accepted, and the word for why not. Not here: the handshake and the headers
(injector.server), and where keys come from: they are fetched by a callable that the composition
root hands in.
"""
