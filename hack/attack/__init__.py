"""Attacks on a running webhook, on loopback only, bounded in count and time: their cost for all callers."""
