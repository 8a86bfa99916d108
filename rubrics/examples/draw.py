"""Draws the example pictures of the marketplace rubric, the same on every machine.

``python rubrics/examples/draw.py`` writes them beside this file.
"""

from __future__ import annotations

from pathlib import Path

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


PICTURES = {
    "tin.png": tin(),
    "tin-grey-background.png": tin(paper=225),
    "tin-too-small.png": tin(fill=0.40),
    "tin-cut-off.png": tin(down=0.2),
    "tin-with-words.png": tin(label="SALE 50"),
    "tin-blurred.png": tin().filter(ImageFilter.GaussianBlur(14)),
    "tin-thumbnail.png": tin().resize((400, 400)),
}

if __name__ == "__main__":
    for name, picture in PICTURES.items():
        picture.quantize(64).convert("RGB").save(HERE / name, optimize=True)
