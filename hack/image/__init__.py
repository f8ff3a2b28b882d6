"""The image of the injector: `python -m hack.image`, which `make image` runs."""
