"""Options of the datasets that are read from files, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilesOptions:
    """`root` is where the files lie. `limit` keeps at most so many images of each split, drawn at random (0: all)."""

    root: str = ""
    limit: int = 0

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ValueError(f"limit={self.limit}: expected how many images of a split to keep, or 0 for all")


@dataclass(frozen=True)
class ImagesOptions(FilesOptions):
    """Where no held-out images exist, `held_out` of the images (a fraction below 1, or their number) are put aside,
    by a permutation that `split_seed` makes.
    """

    held_out: float = 0.1
    split_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.held_out < 1 or (self.held_out >= 1 and float(self.held_out).is_integer())):
            raise ValueError(f"held_out={self.held_out}: expected a fraction between 0 and 1, or a number of images")
        if not 0 <= self.split_seed < 2**32:
            raise ValueError(f"split_seed={self.split_seed}: expected a number from 0 to 2^32 - 1")


@dataclass(frozen=True)
class ImageZipOptions(ImagesOptions):
    """`held_out_root` is a second zip, with the held-out images; without it they are taken from `root`."""

    held_out_root: str = ""
