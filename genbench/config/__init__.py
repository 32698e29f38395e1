"""Hydra on one side, typed plans on the other: the only package that knows Hydra or OmegaConf."""
