"""Write figures of the documentation as small PNG files: few colours, screen resolution."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

HERE = Path(__file__).resolve().parent
LARGEST = 150_000
"""Most bytes of a figure."""

PIXELS = 1400
"""Width of a figure: twice the column of a page, for screens with small pixels."""


def write(figure: Figure, name: str, *, pixels: int = PIXELS) -> None:
    """Write a figure as ``docs/figures/<name>.png``; see `write_picture`."""
    content = BytesIO()
    dpi = pixels / figure.get_figwidth()
    figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    write_picture(Image.open(content), name)


def write_picture(picture: Image.Image, name: str) -> None:
    """Write a picture with 256 colours, which also hold those of small symbols and legends.

    Raises ValueError if it has more than `LARGEST` bytes.
    """
    rgb = picture.convert("RGB")
    colours, counts = np.unique(np.asarray(rgb).reshape(-1, 3), axis=0, return_counts=True)
    sample = np.repeat(colours, np.ceil(counts**0.5).astype(int), axis=0)
    palette = Image.fromarray(sample[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1)
    target = HERE / f"{name}.png"
    rgb.quantize(palette=palette, dither=Image.Dither.NONE).save(target, optimize=True)
    size = target.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{target.name} has {size} bytes; expected at most {LARGEST}")
    print(f"{target.name}: {size} bytes")
