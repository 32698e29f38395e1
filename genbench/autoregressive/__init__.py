"""What autoregressive image models share: levels, masked layers, caches, and drawing in raster order."""
