"""One pass of an extractor over an image set, batch by batch, into a row map of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genbench.interfaces.data import ImageSet
from genbench.interfaces.measuring import FeatureExtractor
from genbench.interfaces.ranks import Alone, Ranks

if TYPE_CHECKING:
    from genbench.store.maps import GrowingMap

ERROR = "error"
"""The name under which a process hands on what went wrong, as bytes of UTF-8, in place of a batch."""


class ExtractionError(ValueError):
    """An extractor cannot see an image, or gave what it may not give: which extractor, which image, what to do."""


def extract_batch(extractor: FeatureExtractor, images: ImageSet, start: int, size: int) -> dict[str, Tensor]:
    """Every output of images start, …, start + size - 1, fewer at the end of the set: float32 [b, ...].

    The last batch is filled up with its last image and cut again, so that a row does not depend on where its set ends.
    Images of several sizes are seen one at a time. Raises ExtractionError for outputs that are missing, not declared,
    not finite, of another length or of unequal widths.
    """
    stop = min(start + size, len(images))
    if images.shape is None:
        seen = [_seen(extractor, images, i, images.read(i, i + 1), 1) for i in range(start, stop)]
        for i, outputs in enumerate(seen):
            check_widths(
                extractor, images, start + i, outputs, {name: rows.shape[1:] for name, rows in seen[0].items()}
            )
        return {name: torch.cat([outputs[name] for outputs in seen]) for name in extractor.outputs}
    batch = images.read(start, stop)
    missing = size - len(batch)
    full = torch.cat([batch, batch[-1:].expand(missing, -1, -1, -1)]) if missing else batch
    return _seen(extractor, images, start, full, len(batch))


def _seen(extractor: FeatureExtractor, images: ImageSet, start: int, batch: Tensor, kept: int) -> dict[str, Tensor]:
    """The outputs of one call, for the first `kept` images of the batch, checked."""
    outputs = extractor.extract(batch)
    who = f"features={extractor.name}"
    if set(outputs) != set(extractor.outputs):
        raise ExtractionError(f"{who} gave {_names(outputs)}, and declares {_names(extractor.outputs)} in `outputs`")
    checked = {}
    for name, rows in outputs.items():
        if not rows.is_floating_point() or rows.shape[:1] != (len(batch),):
            raise ExtractionError(
                f"{who} gave '{name}' as {rows.dtype} {list(rows.shape)} for {len(batch)} images: one row of floats for"
                " each is needed"
            )
        rows = rows[:kept].to("cpu", torch.float32)
        finite = rows.flatten(1).isfinite().all(1)
        if not bool(finite.all()):
            number = images.first + start + int((~finite).nonzero()[0])
            raise ExtractionError(f"{who} gave '{name}' with NaN or infinity for image {number}")
        checked[name] = rows
    return checked


def check_widths(
    extractor: FeatureExtractor,
    images: ImageSet,
    start: int,
    outputs: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
) -> None:
    """Raise ExtractionError where the rows of an image are not shaped like those before it."""
    for name, rows in outputs.items():
        if tuple(rows.shape[1:]) != tuple(expected[name]):
            raise ExtractionError(
                f"features={extractor.name} gave '{name}' of shape {list(rows.shape[1:])} for image"
                f" {images.first + start} and {list(expected[name])} before it: images of several sizes need an"
                " extractor that resizes them"
            )


def extract(
    extractor: FeatureExtractor,
    images: ImageSet,
    batch_size: int,
    rows: GrowingMap | None,
    ranks: Ranks | None = None,
    report: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """Append to `rows` what it lacks of these images: row i is image i of the set. Rank 0 has the map, others None.

    Batches begin at multiples of their size, wherever the rows end. Of several processes, rank r takes missing batches
    r, r + R, …, each as one process alone would. Raises ExtractionError, on every rank, whatever the extractor raised.
    """
    ranks = ranks or Alone()
    have = ranks.broadcast(0 if rows is None else rows.count)
    starts = range(have // batch_size * batch_size, len(images), batch_size)
    for turn in range(0, len(starts), ranks.count):
        mine, problem = None, None
        if turn + ranks.rank < len(starts):
            try:
                mine = extract_batch(extractor, images, starts[turn + ranks.rank], batch_size)
            except Exception as error:  # whatever a plugin raises: the other ranks must hear of it
                problem = error
                mine = {ERROR: torch.frombuffer(bytearray(_told(extractor, error).encode()), dtype=torch.uint8)}
        failure = None
        for i, batch in enumerate(ranks.gather(mine)):
            assert rows is not None
            failure = _append(rows, extractor, images, starts[turn + i], batch)
            if failure is not None:
                break
            report(rows.count, len(images))
        if (failure := ranks.broadcast(failure)) is not None:
            raise ExtractionError(failure) from problem


def _append(
    rows: GrowingMap, extractor: FeatureExtractor, images: ImageSet, start: int, batch: Mapping[str, Tensor]
) -> str | None:
    """Append what is new of a batch; why it cannot be, or None."""
    if ERROR in batch:
        return bytes(batch[ERROR].tolist()).decode()
    if rows.formats:
        try:
            check_widths(extractor, images, start, batch, {name: row.shape for name, row in rows.formats.items()})
        except ExtractionError as error:
            return str(error)
    rows.append({name: values[rows.count - start :].numpy() for name, values in batch.items()})
    return None


def _told(extractor: FeatureExtractor, error: Exception) -> str:
    if isinstance(error, ValueError):  # made for people; of anything else the kind is worth knowing
        return str(error)
    return f"features={extractor.name}: {type(error).__name__}: {error}"


def _names(names: object) -> str:
    return ", ".join(f"'{name}'" for name in names) or "nothing"  # type: ignore[attr-defined]
