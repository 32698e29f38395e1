"""Hydra on one side, typed plans on the other: the only package, with cli, that knows Hydra or OmegaConf."""
