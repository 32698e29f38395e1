"""From a trained generator to images: keyed noise, the runner loop, the clock."""
