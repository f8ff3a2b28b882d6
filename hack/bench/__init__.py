"""Measurements, each with a page under docs/explanation that it writes."""
