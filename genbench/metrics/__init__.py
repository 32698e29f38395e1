"""Metrics: features to measurements with standard errors, one metric a file."""
