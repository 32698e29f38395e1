"""What autoregressive image models share: levels, masked layers, caches, sequences, and drawing them."""
