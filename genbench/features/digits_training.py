"""How the shipped digits classifier was made: `python -m genbench.features.digits_training` writes it anew.

It learns from the dataset's "train" split only. The recipe was chosen by cross-validation within that split; the
"held_out" images are looked at once, for the accuracy that is printed. Floating-point sums differ between machines, so
a rerun gives an equally good classifier but other bytes: put the printed SHA-256 into `digits.WEIGHTS_SHA256` then.
"""

from __future__ import annotations

import hashlib

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from genbench.data.digits import load
from genbench.features.digits import WEIGHTS, DigitsClassifier, to_grey_8x8
from genbench.interfaces.data import ImageSet
from genbench.registry.entries import NoOptions

SEED = 0
EPOCHS = 80
BATCH_SIZE = 64
LEARNING_RATE = 2e-3
ROTATION = 0.2  # radians, at most; the three augmentations below are likewise uniform up to these values
ZOOM = 0.1
SHIFT = 0.15  # of half the image: 0.6 pixels
NOISE = 0.3  # the largest standard deviation, in the range [-1, 1]


def augment(images: Tensor) -> Tensor:
    """Images [B, 1, 8, 8] in [-1, 1], each turned, zoomed, shifted and made noisy at random; outside is black."""
    n = len(images)
    angle, zoom = ROTATION * _uniform(n), 1 + ZOOM * _uniform(n)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    rows = [torch.stack([cosine, -sine, SHIFT * _uniform(n)], 1), torch.stack([sine, cosine, SHIFT * _uniform(n)], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = F.grid_sample(images + 1, grid, align_corners=False) - 1
    return moved + NOISE * torch.rand(n, 1, 1, 1) * torch.randn_like(moved)


def _uniform(n: int) -> Tensor:
    return 2 * torch.rand(n) - 1


def fit(train: ImageSet) -> DigitsClassifier:
    """The classifier, trained with AdamW and a one-cycle learning rate, in evaluation mode."""
    torch.manual_seed(SEED)
    images, labels, network = to_grey_8x8(train.read(0, len(train))), _labels(train), DigitsClassifier().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    steps = EPOCHS * -(-len(train) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
    for _ in range(EPOCHS):
        for indices in torch.split(torch.randperm(len(train)), BATCH_SIZE):
            _, logits = network(augment(images[indices]))
            loss = F.cross_entropy(logits, labels[indices])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: DigitsClassifier, split: ImageSet) -> float:
    """The fraction of images in the split whose largest logit is their label."""
    _, logits = network(to_grey_8x8(split.read(0, len(split))))
    return float((logits.argmax(1) == _labels(split)).double().mean())


def _labels(split: ImageSet) -> Tensor:
    labels = split.columns["label"]
    assert isinstance(labels, Tensor)
    return labels


def main() -> None:
    """Train, write the weights next to the module, and print what is known about them."""
    torch.set_num_threads(1)
    splits = load(NoOptions()).splits
    network = fit(splits["train"])
    content = save(network.state_dict())
    WEIGHTS.write_bytes(content)
    print(f"accuracy on held-out images: {accuracy(network, splits['held_out']):.4f}")
    print(f"accuracy on training images: {accuracy(network, splits['train']):.4f}")
    print(f"{WEIGHTS.name}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
