"""Trackers mirror records, fresh or from the store alike; the results folder stays the source of truth."""
