"""Growth of CPU with the size of pods, configuration and cluster: python -m hack.bench.growth."""
