"""Pictures on which a measure is known to be wrong, each run again and drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.validity import material
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench

_HEIGHT = 220


def write_failures(bench: Bench, folder: Path) -> str:
    """Run the known failures, draw them as one strip, and say in words what goes wrong."""
    pictures = material.photographs()
    cases: list[tuple[RGB, str]] = []
    face, cup = pictures["astronaut"], pictures["coffee"]
    if bench.can("faces"):
        half = face[:, :222]
        count = bench.measure("faces", half).metrics["count"]
        cases.append((half, f"Half a face: {count} faces are counted."))
    if bench.can("text"):
        read = bench.measure("text", cup).metrics["read"]
        cases.append((cup, f"A cup and a spoon without writing: {read!r} is read."))
        word = material.label("MAUI")
        flipped = material.mirrored(word)
        turned = bench.measure("text", flipped).metrics
        said = str(turned["read"])[:12]
        told = f"A mirrored word of symmetric letters: {said!r} is read, and believed; only what"
        cases.append((flipped, f"{told} it should say shows the fault."))
    smooth = material.blur(6)(cup)
    busy = bench.measure("background", smooth)
    cases.append((smooth, f"A blurred scene counts as a uniform background ({busy.score:.2f})."))
    melted = _melted(face)
    technical = bench.measure("artifacts", melted).score
    cases.append((melted, f"A melted face is technically flawless: artifacts {technical:.2f}."))
    strip = np.hstack([_sized(rgb) for rgb, _ in cases])
    target = folder / "images" / "validity-failures.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strip).save(target, "JPEG", quality=85)
    words = "\n".join(f"{number}. {text}" for number, (_, text) in enumerate(cases, 1))
    return f"![the pictures, from left to right](images/{target.name})\n\n{words}"


def _melted(rgb: RGB) -> RGB:
    rows, columns = np.indices(rgb.shape[:2]).astype(np.float32)
    near = np.exp(-(((rows - 130) / 50) ** 2) - (((columns - 225) / 50) ** 2))
    return np.asarray(
        cv2.remap(
            rgb,
            columns + 14 * near * np.sin(rows / 7),
            rows + 18 * near * np.cos(columns / 9),
            cv2.INTER_CUBIC,
        ),
        np.uint8,
    )


def _sized(rgb: RGB) -> RGB:
    width = round(rgb.shape[1] * _HEIGHT / rgb.shape[0])
    small = cv2.resize(rgb, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(small, 0, 0, 0, 6, cv2.BORDER_CONSTANT, value=(255,) * 3))
