"""Diffusion: noise paths, time grids, predictions, solvers as tables, guidance, and the one executor of tables."""
