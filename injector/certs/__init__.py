"""Who vouches for the webhook: keys, certificates and their renewal.

Empty as yet: `serve` takes certificates from files, and `server.run` leaves the seam for others.
"""
