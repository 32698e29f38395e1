"""The training loop and its signals."""
