"""Samplers: immutable values that say how images are drawn."""
