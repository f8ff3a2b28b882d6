"""How the webhook is registered: entries, match conditions, and what is wrong with a registration."""
