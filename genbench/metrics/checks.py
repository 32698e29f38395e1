"""What stops any metric: too few images, features that are not finite or do not match."""

from __future__ import annotations

from genbench.interfaces.measuring import Features


def problem(generated: Features, reference: Features, at_least: int = 2) -> str | None:
    """Why no metric can be computed from these features, or None. `at_least` images are needed on each side."""
    if generated.features.shape[1] != reference.features.shape[1]:
        return (
            f"generated images have {generated.features.shape[1]} features and reference images"
            f" {reference.features.shape[1]}: extract both with the same extractor"
        )
    for side, features in (("generated", generated), ("reference", reference)):
        if len(features) < at_least:
            return f"{len(features)} {side} image(s): at least {at_least} are needed"
        if not features.features.isfinite().all():
            return f"the features of the {side} images hold NaN or infinity"
    return None
