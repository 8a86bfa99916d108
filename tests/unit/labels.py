"""A drawn product label, for tests of reading and recognising."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


def label(name: str = "ACME Coffee") -> NDArray[np.uint8]:
    """A 700 x 500 product with three lines of writing, ``name`` the largest."""
    image = Image.new("RGB", (700, 500), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 60, 600, 440), fill=(180, 30, 40))
    draw.text((140, 100), name, fill="white", font=ImageFont.load_default(70))
    draw.text((140, 220), "Dark roast beans", (255, 230, 120), font=ImageFont.load_default(40))
    draw.ellipse((160, 300, 260, 400), fill=(20, 80, 40))
    draw.text((300, 330), "Net 250 g", fill="white", font=ImageFont.load_default(36))
    return np.asarray(image)
