"""Scripts and measurements, each run as `python -m hack.NAME`; the product imports none of them."""
