"""Images that were made elsewhere: two folders of PNGs, measured against real images and shown in one table."""

from pathlib import Path

from PIL import Image, ImageFilter

import genbench

digits = genbench.dataset("digits")
real, held_out = digits.splits["train"], digits.splits["held_out"]

# Stand-ins for your own images: real digits that nothing was trained on, as they are and blurred.
for number, pixels in enumerate(held_out.read(0, len(held_out))):
    sharp = Image.fromarray(pixels[0].numpy())
    for name, image in {"sharp": sharp, "blurred": sharp.filter(ImageFilter.BoxBlur(1))}.items():
        Path(name).mkdir(exist_ok=True)
        image.save(Path(name) / f"{number:03}.png")

how = {"features": ("pixels", "digits"), "metrics": ("frechet_distance", "prdc")}
genbench.evaluate("sharp", real, **how)
sweep = genbench.load().sweep.sweep_id
genbench.evaluate("blurred", real, sweep=sweep, **how)
print(genbench.load(sweep=sweep))
