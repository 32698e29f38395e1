"""What stops a metric of features: none of them, too few images, a reference of another width or known too little."""

from __future__ import annotations

from genbench.interfaces.measuring import Evidence


def too_few(evidence: Evidence, at_least: int = 2, output: str = "features") -> str | None:
    """Why the generated images cannot be measured by themselves, or None: `at_least` rows of the output are needed."""
    rows = evidence.features(output=output)
    if rows is None:
        return f"there are no {output} of the generated images"
    if len(rows) < at_least:
        return f"{len(rows)} generated image(s): at least {at_least} are needed"
    return None


def incomparable(evidence: Evidence, at_least: int = 2) -> str | None:
    """Why the generated images cannot be compared with those of the reference, or None: `at_least` are needed a side,
    with features of equal width.
    """
    reference = evidence.features("reference")
    if reference is None:
        return "the reference has no images: only statistics of it are known, if anything"
    if len(reference) < at_least:
        return f"{len(reference)} reference image(s): at least {at_least} are needed"
    return too_few(evidence, at_least) or other_width(evidence, reference.shape[1])


def other_width(evidence: Evidence, width: int) -> str | None:
    """Why features of the generated images do not match a reference of this width, or None."""
    rows = evidence.features()
    if rows is not None and rows.shape[1] != width:
        return (
            f"generated images have {rows.shape[1]} features and the reference {width}: extract both with the same"
            " extractor"
        )
    return None
