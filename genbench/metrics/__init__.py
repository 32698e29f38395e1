"""Metrics: evidence to measurements with standard errors, one metric a file."""
