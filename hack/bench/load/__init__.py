"""The webhook at its limits: start, memory, and more requests than it can answer."""
