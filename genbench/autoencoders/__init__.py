"""Autoencoders that latent models share."""
