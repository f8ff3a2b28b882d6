"""Instructions of an admission beside those of ``json.loads``: python -m hack.bench.instructions."""
