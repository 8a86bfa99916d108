"""Draws the example pictures of the shipped rubrics, the same on every machine.

``python rubrics/examples/draw.py`` writes them beside this file; ``portrait.py`` those of headshot.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
SIDE = 1600


def tin(fill: float = 0.85, paper: int = 255, label: str = "", down: float = 0.0) -> Image.Image:
    """A striped tin before a plain background."""
    image = Image.new("RGB", (SIDE, SIDE), (paper, paper, paper))
    draw = ImageDraw.Draw(image)
    height, width = round(SIDE * fill), round(SIDE * fill * 0.6)
    left, top = (SIDE - width) // 2, (SIDE - height) // 2 + round(SIDE * down)
    draw.rounded_rectangle((left, top, left + width, top + height), 60, fill=(178, 34, 34))
    for number in range(9):
        at = top + height * (number + 1) // 10
        draw.rectangle((left, at, left + width, at + height // 40), fill=(70, 18, 24))
    for number in range(5):
        at = left + width * (number + 1) // 6
        draw.ellipse((at - 30, top + 60, at + 30, top + 120), fill=(240, 200, 90))
    if label:
        draw.text((left + width + 20, SIDE // 2), label, (20, 20, 20), ImageFont.load_default(90))
    return image


def padlock(fill: float = 0.85, down: float = 0.0) -> Image.Image:
    """A yellow padlock on white, 256 pixels square, ``fill`` of the frame's height."""
    side = 1024
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)

    def at(*values: float) -> list[float]:
        scale = side * fill / 212
        middle = (side / 2, side / 2 + side * down)
        return [(v - (128, 126)[n % 2]) * scale + middle[n % 2] for n, v in enumerate(values)]

    steel, dark = (150, 150, 155), (60, 45, 10)
    draw.arc(at(78, 20, 178, 160), 180, 360, steel, round(20 * side * fill / 212))
    draw.rectangle(at(78, 88, 98, 120), steel)
    draw.rectangle(at(158, 88, 178, 120), steel)
    draw.rounded_rectangle(at(56, 110, 200, 232), 16 * side * fill / 212, (240, 190, 30))
    draw.ellipse(at(114, 145, 142, 173), dark)
    draw.polygon(at(122, 165, 134, 165, 138, 205, 118, 205), dark)
    return image.resize((256, 256), Image.Resampling.LANCZOS)


def balloon() -> Image.Image:
    """A red balloon on white, 256 pixels square."""
    image = Image.new("RGB", (1024, 1024), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((232, 80, 792, 760), (205, 25, 40))
    draw.polygon((512, 740, 464, 820, 560, 820), (170, 15, 30))
    draw.ellipse((340, 180, 460, 360), (240, 120, 130))
    draw.line((512, 820, 488, 900, 528, 980), (90, 90, 90), 12)
    return image.resize((256, 256), Image.Resampling.LANCZOS)


def grainy(image: Image.Image, levels: float = 20) -> Image.Image:
    """With noise of so many levels."""
    noise = np.random.default_rng(0).normal(0, levels, (*image.size[::-1], 1))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def tiled(image: Image.Image) -> Image.Image:
    """Before a wall of tiles in place of white."""
    tiles = Image.new("RGB", image.size, (205, 215, 225))
    draw = ImageDraw.Draw(tiles)
    for start in range(0, image.width, 16):
        draw.line((start, 0, start, image.height), (120, 130, 145), 3)
        draw.line((0, start, image.width, start), (120, 130, 145), 3)
    white = (np.asarray(image) > 245).all(2)
    return Image.fromarray(np.where(white[..., None], np.asarray(tiles), np.asarray(image)))


def large(image: Image.Image) -> Image.Image:
    """The same at 640 pixels."""
    return image.resize((640, 640), Image.Resampling.LANCZOS)


def banner(words: str, width: int = 960) -> Image.Image:
    """The padlock beside words, 400 pixels high."""
    image = Image.new("RGB", (width, 400), "white")
    image.paste(padlock(0.8).resize((360, 360), Image.Resampling.LANCZOS), (20, 20))
    ImageDraw.Draw(image).text((400, 165), words, (30, 30, 60), ImageFont.load_default(62))
    return image


def mirrored(image: Image.Image) -> Image.Image:
    """Left for right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


WORDS = "SAFE AND SOUND"
PICTURES = {
    "tin.png": tin(),
    "tin-grey-background.png": tin(paper=225),
    "tin-too-small.png": tin(fill=0.40),
    "tin-cut-off.png": tin(down=0.2),
    "tin-with-words.png": tin(label="SALE 50"),
    "tin-blurred.png": tin().filter(ImageFilter.GaussianBlur(14)),
    "tin-thumbnail.png": tin().resize((400, 400)),
    "padlock.png": padlock(),
    "padlock-cut-off.png": padlock(down=0.2),
    "padlock-small.png": padlock(fill=0.15),
    "padlock-blurred.png": padlock().filter(ImageFilter.GaussianBlur(4)),
    "padlock-grainy.png": grainy(padlock()),
    "padlock-tiles.png": tiled(padlock()),
    "padlock-large.png": large(padlock()),
    "padlock-large-blurred.png": large(padlock()).filter(ImageFilter.GaussianBlur(10)),
    "balloon.png": balloon(),
    "nothing.png": Image.new("RGB", (256, 256), (238, 238, 238)),
    "banner.png": banner(WORDS),
    "banner-misspelt.png": banner("SAFE AND SUOND"),
    "banner-mirrored.png": mirrored(banner(WORDS)),
    "banner-square.png": banner(WORDS).crop((0, 0, 960, 400)).resize((480, 400)),
}

if __name__ == "__main__":
    for name, picture in PICTURES.items():
        # 64 colours are enough for the large tins; steps in a soft blur would look like edges
        few = picture.quantize(64).convert("RGB") if name.startswith("tin") else picture
        few.save(HERE / name, optimize=True)
