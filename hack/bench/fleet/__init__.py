"""A cluster that restarts, as a simulation with measured costs: python -m hack.bench.fleet."""
