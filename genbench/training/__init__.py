"""The training loop, stages and their plans, and signals."""
