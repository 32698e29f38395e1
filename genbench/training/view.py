"""The training split as stages see it: images and conditions of a batch, read by index, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from genbench.interfaces.data import Column, DataSpec, ImageSet
from genbench.interfaces.tasks import Examples, Task

SHARE = 0.25
"""Of a GPU's memory: images and columns that need no more are kept there."""
CHUNK = 1024
"""Images that are copied to the device at a time."""


class SplitView:
    """A TrainingView, and the conditions that `spec` names, which the task draws anew for every batch.

    `images` is the training split. On a CPU it is read by index, so that a memory map stays one; on a GPU it is kept
    there with its columns if all fit in a quarter of `memory`, the bytes of the device, else read by index as well.
    `task` may be None where `spec` has no conditions.
    """

    def __init__(
        self,
        images: ImageSet,
        spec: DataSpec,
        device: torch.device,
        task: Task | None = None,
        memory: int | None = None,
    ) -> None:
        self.spec, self.device, self.task = spec, device, task
        self._source = images
        self._columns = dict(images.columns)
        self._resident: Tensor | None = None
        if memory is None and device.type == "cuda":
            memory = torch.cuda.get_device_properties(device).total_memory
        tensors = {name: column for name, column in images.columns.items() if isinstance(column, Tensor)}
        size = len(images) * spec.channels * spec.height * spec.width + sum(c.nbytes for c in tensors.values())
        if memory is not None and size <= SHARE * memory:
            self._resident = torch.empty(len(images), *spec.shape, dtype=torch.uint8, device=device)
            for start in range(0, len(images), CHUNK):
                stop = min(start + CHUNK, len(images))
                self._resident[start:stop] = images.read(start, stop).to(device)
            self._columns |= {name: column.to(device) for name, column in tensors.items()}

    def __len__(self) -> int:
        return len(self._source)

    def images(self, indices: Tensor) -> Tensor:
        """uint8 images [B, C, H, W] on the device, at int64 indices [B]."""
        if self._resident is not None:
            return self._resident[indices.to(self.device)]
        return self._to_device(self._source.take(indices.cpu()))

    def batches(self, size: int) -> Iterator[Tensor]:
        """All images in order, `size` at a time, uint8 on the device."""
        if self._resident is not None:
            yield from torch.split(self._resident, size)
        else:
            yield from (self._to_device(images) for images in self._source.batches(size))

    def conditions(self, images: Tensor, indices: Tensor, generator: torch.Generator) -> Mapping[str, Column]:
        """The conditions of a batch, by name: tensors on the device, texts on the host. `images` are those at these
        int64 indices [B] on the CPU. The task is asked only where the spec names conditions.

        Raises ValueError if the task does not give one of them.
        """
        if not self.spec.conditions:
            return {}
        if self.task is None:
            raise ValueError(f"no task gives the condition '{self.spec.condition_names[0]}'")
        given = self.task.training(Examples(images, _Rows(self._columns, indices, self._placed)), indices, generator)
        if missing := [name for name in self.spec.condition_names if name not in given]:
            raise ValueError(
                f"the task gives no condition '{missing[0]}' for training, only {', '.join(given) or 'none'}"
            )
        return {name: self._placed(given[name]) for name in self.spec.condition_names}

    def _placed(self, column: Column) -> Column:
        return self._to_device(column) if isinstance(column, Tensor) else column

    def _to_device(self, values: Tensor) -> Tensor:
        if self.device.type == "cuda" and not values.is_cuda:
            return values.pin_memory().to(self.device, non_blocking=True)
        return values.to(self.device)


class _Rows(Mapping[str, Column]):
    """The columns of a batch. One is read when it is asked for, so that nobody pays for a column that nobody reads."""

    def __init__(self, columns: Mapping[str, Column], indices: Tensor, placed: Callable[[Column], Column]) -> None:
        self.columns, self.indices, self.placed = columns, indices, placed

    def __getitem__(self, name: str) -> Column:
        column = self.columns[name]
        if isinstance(column, Tensor):
            return self.placed(column[self.indices.to(column.device)])
        return [column[i] for i in self.indices.tolist()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)
