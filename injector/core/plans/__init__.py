"""Plans: an injection that was done once serves every pod of the same shape (ADR 22)."""
