"""Options of the feature extractors, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InceptionOptions:
    """`weights` is the path of torch-fidelity's Inception-v3 state dict; empty means its own download. `device` is
    where the network runs, and no part of the fingerprint.
    """

    weights: str = ""
    device: str = "cpu"
