"""Draws what each dimension calls good and bad: ``python docs/dimensions/pictures.py``.

Each strip in ``images/`` shows pictures from good to bad, with the score that the dimension gives
them. The photographs are scikit-image's: the astronaut (NASA, public domain), the cat, the coffee
and the rocket (CC0). Needs every extra, and ``sentinelqa models pull --for headshot``.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.trials import score_images
from sentinelqa.types import Request

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "rubrics" / "examples"
TALL, GAP = 170, 12
RGB = NDArray[np.uint8]
Shown = tuple[str, RGB, dict[str, Any]]


def photograph(name: str) -> RGB:
    """One that may be passed on."""
    return np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])


def example(name: str) -> RGB:
    """A picture of the shipped rubrics."""
    return np.asarray(Image.open(EXAMPLES / name).convert("RGB"))


def blurred(rgb: RGB, pixels: float) -> RGB:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), pixels), np.uint8)


def grainy(rgb: RGB, levels: float) -> RGB:
    """With noise."""
    noise = np.random.default_rng(0).normal(0, levels, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def jpeg(rgb: RGB, quality: int) -> RGB:
    """After a round trip."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def lit(rgb: RGB, left: float, right: float) -> RGB:
    """Exposed by so many stops at the left and right edge, in linear light."""
    stops = np.linspace(left, right, rgb.shape[1])[None, :, None]
    light = (rgb / 255.0) ** 2.2 * 2.0**stops
    return np.rint(np.clip(light, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def hue(rgb: RGB, degrees: float) -> RGB:
    """Of another colour."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees / 2)) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def strips(folder: Path) -> dict[str, list[Shown]]:
    """Dimension -> caption, picture, and what the request says."""
    cat, coffee = photograph("chelsea"), photograph("coffee")
    near = np.ascontiguousarray(coffee[70:240, 150:450])
    lock, banner = example("padlock-large.png"), example("banner.png")
    face, taken = example("portrait.jpg"), example("portrait-reference.jpg")
    own = {"references": (_saved(folder, "face", taken),)}
    product = {"references": (_saved(folder, "lock", lock),)}
    words = {"references": (_saved(folder, "banner", banner),)}
    said = {"metadata": {"text": "SAFE AND SOUND"}}
    turned = np.ascontiguousarray(np.rot90(banner, 2))
    return {
        "artifacts": [
            ("as taken", near, {}), ("noise, 20 levels", grainy(near, 20), {}),
            ("JPEG, quality 15", jpeg(near, 15), {}),
        ],
        "sharpness": [
            ("as taken", cat, {}), ("blur, 1.5 pixels", blurred(cat, 1.5), {}),
            ("blur, 4 pixels", blurred(cat, 4), {}),
        ],
        "prompt_alignment": [
            (f'"{prompt}"', lock, {"prompt": prompt})
            for prompt in ("a yellow padlock", "a blue padlock", "a running shoe")
        ],
        "face_sharpness": [
            ("as taken", face, {}), ("blur, 1 pixel", blurred(face, 1), {}),
            ("blur, 2.5 pixels", blurred(face, 2.5), {}),
        ],
        "skin_tone": [
            ("as the reference", face, own), ("1 stop darker", lit(face, -1, -1), own),
            ("2.5 stops darker", lit(face, -2.5, -2.5), own), ("greener", hue(face, 25), own),
        ],
        "lighting": [
            ("as taken", face, {}), ("side light", lit(face, -6, 3), {}),
            ("2 stops too bright", lit(face, 2, 2), {}),
        ],
        "background": [
            ("plain", lock, {}), ("a portrait, plain", face, {}),
            ("tiles", example("portrait-tiles.jpg"), {}),
        ],
        "framing": [
            ("whole and large", lock, {}), ("cut off", example("padlock-cut-off.png"), {}),
            ("small", example("padlock-small.png"), {}),
        ],
        "colour": [
            ("as the reference", lock, product), ("8 degrees off", hue(lock, 8), product),
            ("40 degrees off", hue(lock, 40), product),
        ],
        "text": [
            ("as asked", banner, said), ("misspelt", example("banner-misspelt.png"), said),
            ("mirrored", example("banner-mirrored.png"), said),
        ],
        "orientation": [
            ("as the reference", banner, words), ("mirrored", np.fliplr(banner), words),
            ("upside down", turned, words),
        ],
        "duplicate": [
            ("another picture", coffee, product), ("a little blur", blurred(lock, 2), product),
            ("the reference itself", lock, product),
        ],
    }  # fmt: skip


def _saved(folder: Path, name: str, rgb: RGB) -> str:
    path = folder / f"{name}.png"
    Image.fromarray(np.ascontiguousarray(rgb)).save(path)
    return str(path)


def scores(name: str, shown: list[Shown], folder: Path) -> list[float | None]:
    """What the dimension gives each picture."""
    path = folder / f"{name}.yaml"
    models = "models: {person: mediapipe-selfie}\n" if name == "background" else ""
    path.write_text(f"name: x\n{models}tiers: {{use_case: {{{name}: {{min: 0.5}}}}}}\n")
    items = [
        (_saved(folder, f"{name}-{n}", rgb), Request(id=str(n), **said))
        for n, (_, rgb, said) in enumerate(shown)
    ]
    return [one.measurements[0].score for one in score_images(load_rubric(path), items)]


def strip(shown: list[Shown], found: list[float | None]) -> Image.Image:
    """Pictures side by side, each with its caption and score below."""
    tiles = []
    for _, rgb, _ in shown:
        scale = min(TALL / rgb.shape[0], 300 / rgb.shape[1])
        size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
        tiles.append(
            Image.fromarray(np.ascontiguousarray(rgb)).resize(size, Image.Resampling.LANCZOS)
        )
    widths = [max(tile.width, 150) for tile in tiles]
    whole = Image.new("RGB", (sum(widths) + GAP * (len(tiles) - 1), TALL + 48), "white")
    draw, left = ImageDraw.Draw(whole), 0
    for tile, wide, (caption, _, _), score in zip(tiles, widths, shown, found, strict=True):
        whole.paste(tile, (left, TALL - tile.height))
        draw.rectangle(
            (left, TALL - tile.height, left + tile.width - 1, TALL - 1), outline=(200,) * 3
        )
        draw.text((left, TALL + 3), caption, (60, 60, 60), ImageFont.load_default(14))
        value = "none" if score is None else f"{score:.2f}"
        draw.text((left, TALL + 22), value, (0, 0, 0), ImageFont.load_default(20))
        left += wide + GAP
    return whole


def main() -> None:
    """Write every strip."""
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, shown in strips(Path(scratch)).items():
            found = scores(name, shown, Path(scratch))
            strip(shown, found).save(images / f"{name}.jpg", quality=85, optimize=True)
            print(name, *("none" if f is None else f"{f:.2f}" for f in found))


if __name__ == "__main__":
    main()
