"""The two tasks. Imports no torch before it is needed: a registration imports this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genbench import Column, ConditionSpec, Dataset, DataSpec, Examples, ImageSet

MASKS = 1
"""The number of the draw that places the holes: the models draw with number 0."""


class _OfHeldOut:
    """Request i is made from held-out image i (mod their number), and held-out images are what counts."""

    def reference(self, dataset: Dataset) -> ImageSet:
        """The held-out images."""
        return dataset.splits["held_out"]

    def baselines(self, dataset: Dataset) -> Mapping[str, ImageSet]:
        """The training images, as if a model had drawn them."""
        return {"training images": dataset.splits["train"].part(0, 80)}


def _places(dataset: Dataset, keys: Tensor, start: int) -> Tensor:
    """The held-out images that these requests are made from."""
    import torch

    return torch.arange(start, start + len(keys)) % len(dataset.splits["held_out"])


@dataclass(frozen=True)
class Inpainting(_OfHeldOut):
    """A square of `side` pixels is hidden; its place is drawn anew for each training batch, and by a request's key."""

    defaults: ClassVar[Mapping[str, str]] = MappingProxyType({"metrics": "hidden_error"})

    side: int = 3

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """The image with a black hole, and where the hole is."""
        from genbench import ConditionKind, ConditionSpec

        return (
            ConditionSpec("known", ConditionKind.IMAGE, data.shape, "uint8"),
            ConditionSpec("hidden", ConditionKind.MASK, (1, data.height, data.width), "bool"),
        )

    def unsupported(self, dataset: Dataset) -> str | None:
        """A square that is larger than the images."""
        side = min(dataset.spec.height, dataset.spec.width)
        return None if self.side <= side else f"images of {side} pixels have no square of task.side={self.side}"

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """A hole in every image of the batch."""
        import torch

        corners = torch.rand(len(batch.images), 2, generator=generator, device=batch.images.device)
        return self._with_holes(batch.images, corners)

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """A hole in held-out images start, start + 1, …"""
        from genbench.drawing.noise import uniform

        return self._with_holes(self._originals(dataset, keys, start), uniform(keys, MASKS, (2,)))

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        """The whole images."""
        from genbench import ArrayImages

        return ArrayImages("originals", self._originals(dataset, keys, start))

    def _originals(self, dataset: Dataset, keys: Tensor, start: int) -> Tensor:
        return dataset.splits["held_out"].take(_places(dataset, keys, start))

    def _with_holes(self, images: Tensor, corners: Tensor) -> dict[str, Column]:
        """`corners` [B, 2] in [0, 1) place the squares from the top left to the bottom right."""
        import torch

        inside = []
        for axis, size in enumerate(images.shape[2:]):
            first = (corners[:, axis] * (size - self.side + 1)).long()
            distance = torch.arange(size, device=images.device) - first[:, None]
            inside.append((distance >= 0) & (distance < self.side))
        hidden = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
        return {"known": images * ~hidden, "hidden": hidden}


@dataclass(frozen=True)
class Captions(_OfHeldOut):
    """Draw what the captions of the held-out images say."""

    defaults: ClassVar[Mapping[str, str]] = MappingProxyType({"metrics": "agreement"})

    def conditions(self, data: DataSpec) -> tuple[ConditionSpec, ...]:
        """The caption."""
        from genbench import ConditionKind, ConditionSpec

        return (ConditionSpec("caption", ConditionKind.TEXT, (), "text"),)

    def unsupported(self, dataset: Dataset) -> str | None:
        """A data set that says nothing of its images."""
        silent = "caption" not in dataset.splits["train"].columns
        return f"dataset '{dataset.name}' has no captions; choose dataset=tiles" if silent else None

    def training(self, batch: Examples, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """The captions of the batch."""
        return {"caption": batch.columns["caption"]}

    def request(self, dataset: Dataset, keys: Tensor, start: int) -> Mapping[str, Column]:
        """The captions of held-out images start, start + 1, …"""
        captions = dataset.splits["held_out"].columns["caption"]
        return {"caption": [str(captions[i]) for i in _places(dataset, keys, start).tolist()]}

    def pairs(self, dataset: Dataset, keys: Tensor, start: int) -> ImageSet | None:
        """None: a caption fits many images."""
        return None
