"""Images: between bytes and floats, sets of them held as arrays, and pictures of many as one PNG."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

WIDTH = 800
"""Pixels that a grid is about wide."""
LARGEST = 10
"""Images in a row, at most."""
BACKGROUND = (84, 84, 84)
"""Neither the black nor the white of any data set."""
CAPTION_BACKGROUND, CAPTION_INK = (32, 32, 32), (235, 235, 235)


def to_unit_range(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 images in [0, 255] -> floats in [-1, 1]."""
    return images.to(dtype).mul_(2 / 255).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Floats in [-1, 1] (clamped) -> uint8 in [0, 255], rounded to the nearest, never truncated."""
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def save_grid(images: Tensor, path: Path, caption: str = "") -> None:
    """Write the first images of uint8 [N, C, H, W] (C is 1 or 3) as a PNG, row by row, at most 10 x 10.

    Pixels are repeated a whole number of times, never smoothed: what is seen is what was drawn. Raises ValueError for
    other shapes and types.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or str(images.dtype) != "torch.uint8" or not len(images):
        raise ValueError(
            f"a grid needs uint8 images [N, C, H, W] with C 1 or 3 and N >= 1, not {images.dtype} {list(images.shape)}"
        )
    height, width = images.shape[2:]
    columns = min(LARGEST, len(images), max(1, WIDTH // width))
    rows = min(columns, -(-len(images) // columns))
    scale = max(1, WIDTH // (columns * width))
    gap = max(2, scale * width // 12)
    step_x, step_y = scale * width + gap, scale * height + gap
    strip = _caption(caption, columns * step_x + gap)
    canvas = Image.new("RGB", (columns * step_x + gap, rows * step_y + gap + strip.height), BACKGROUND)
    canvas.paste(strip, (0, 0))
    for i, image in enumerate(images[: rows * columns]):
        tile = Image.fromarray(image.permute(1, 2, 0).expand(-1, -1, 3).contiguous().numpy())
        tile = tile.resize((scale * width, scale * height), Image.Resampling.NEAREST)
        row, column = divmod(i, columns)
        canvas.paste(tile, (gap + column * step_x, strip.height + gap + row * step_y))
    side = path.with_name(f"{path.name}.{os.getpid()}.writing")
    canvas.save(side, format="PNG", optimize=True)
    os.replace(side, path)


def _caption(text: str, width: int) -> Image.Image:
    """A dark strip with one line of text, or nothing of height 0."""
    if not text:
        return Image.new("RGB", (width, 0))
    font = ImageFont.load_default(size=16)
    while len(text) > 1 and font.getlength(text) > width - 16:
        text = f"{text[:-2].rstrip()}…"
    strip = Image.new("RGB", (width, 30), CAPTION_BACKGROUND)
    ImageDraw.Draw(strip).text((8, 15), text, font=font, fill=CAPTION_INK, anchor="lm")
    return strip
