"""Attacks on a running webhook, on loopback only, bounded in count and time: what they cost, and whom."""
