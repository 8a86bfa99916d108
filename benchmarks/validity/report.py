"""Runs the cases and writes them down as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import imagehash
import numpy as np
from PIL import Image
from scipy.stats import spearmanr
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.measure import blur_effect
from skimage.restoration import estimate_sigma

from benchmarks.validity import material
from benchmarks.validity.cases import HARMLESS, RESPONSES, STEADY, Response
from benchmarks.validity.failures import write_failures
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from sentinelqa.features.colour import delta_e, lab
from sentinelqa.features.hashes import hash_picture
from sentinelqa.features.pixels import Picture

_GATE = 0.5
_RATED = (
    "artifacts",
    "sharpness",
    "safety",
    "expression",
    "lighting",
    "face_sharpness",
    "faces",
    "background",
    "framing",
)


def write_report(bench: Bench, samples: Path | None, out: Path) -> None:
    """Run every case and write the report."""
    pictures = material.photographs(samples)
    parts = [
        _HEAD.format(count=len(pictures), names=", ".join(sorted(pictures))),
        _missing(bench),
        "## Response to degradation\n\n" + _responses(bench, pictures),
        "## What should not matter\n\n" + _steadiness(bench, pictures),
        "## Clean photographs that would fail\n\n" + _false_alarms(bench, pictures),
        "## Against public implementations\n\n" + _agreement(bench, pictures),
        "## Cost\n\n" + _cost(bench, pictures),
        "## Known failures\n\n" + write_failures(bench, out.parent),
    ]
    out.write_text("\n\n".join(p for p in parts if p) + "\n", encoding="utf-8")


def _subjects(on: str, pictures: dict[str, RGB]) -> list[RGB]:
    if on == "photographs":
        return list(pictures.values())
    return [pictures["astronaut"] if on == "face" else material.label()]


def _responses(bench: Bench, pictures: dict[str, RGB]) -> str:
    rows = []
    for case in RESPONSES:
        if not bench.can(case.dimension):
            continue
        curves = [_curve(bench, case, rgb) for rgb in _subjects(case.on, pictures)]
        curves = [c for c in curves if c]
        steps = [
            (b - a) * (1 if case.rising else -1) >= -1e-9
            for curve in curves
            for a, b in pairwise(curve)
        ]
        means = [mean(values) for values in zip(*curves, strict=True)]
        response = "; ".join(f"{x:g}: {y:.3g}" for x, y in zip(case.levels, means, strict=True))
        rows.append(
            (
                f"{case.dimension}.{case.metric}",
                case.degradation,
                response,
                f"{sum(steps)} of {len(steps)}",
                str(len(curves)),
            )
        )
    head = ("metric", "degradation", "level: mean", "steps the right way", "pictures")
    return _table(head, rows)


def _curve(bench: Bench, case: Response, rgb: RGB) -> list[float]:
    reference = rgb if case.against_itself else None
    curve = []
    for level in case.levels:
        made = bench.measure(case.dimension, case.make(level)(rgb), reference, **case.request)
        if case.metric not in made.metrics:
            return []
        curve.append(float(made.metrics[case.metric]))
    return curve


def _steadiness(bench: Bench, pictures: dict[str, RGB]) -> str:
    rows = []
    for name, (on, against_itself, request, may_matter) in STEADY.items():
        if not bench.can(name):
            continue
        cells = []
        for change_name, change in HARMLESS.items():
            if change_name in may_matter:
                cells.append("matters")
                continue
            moved = []
            for rgb in _subjects(on, pictures):
                reference = rgb if against_itself else None
                before = bench.measure(name, rgb, reference, **request).score
                after = bench.measure(name, change(rgb), reference, **request).score
                if before is not None and after is not None:
                    moved.append(abs(after - before))
            cells.append(f"{max(moved):.3f}" if moved else "unscored")
        rows.append((name, *cells))
    note = "The largest change of the score over the pictures.\n\n"
    return note + _table(("dimension", *HARMLESS), rows)


def _false_alarms(bench: Bench, pictures: dict[str, RGB]) -> str:
    rows = []
    for name in _RATED:
        if not bench.can(name):
            continue
        found = {title: bench.measure(name, rgb) for title, rgb in pictures.items()}
        scored = {title: m.score for title, m in found.items() if m.score is not None}
        low = sorted(title for title, score in scored.items() if score < _GATE)
        middle = f"{median(scored.values()):.3f}" if scored else "-"
        rows.append(
            (
                name,
                str(len(scored)),
                str(len(found) - len(scored)),
                middle,
                ", ".join(low) or "none",
            )
        )
    note = f"Scores under {_GATE} on photographs as they are; many show no face and no product.\n\n"
    return note + _table(("dimension", "scored", "unscored", "median", f"under {_GATE}"), rows)


def _agreement(bench: Bench, pictures: dict[str, RGB]) -> str:
    rows = []
    same = sum(
        hash_picture(Picture(rgb)).phash == int(str(imagehash.phash(Image.fromarray(rgb))), 16)
        for rgb in pictures.values()
    )
    rows.append(("hashes", "imagehash.phash", f"equal bits on {same} of {len(pictures)}"))
    colours = np.random.default_rng(0).integers(0, 256, (2, 2000, 3), np.uint8)
    worst = float(np.abs(lab(colours) - rgb2lab(colours)).max())
    rows.append(("L\\*a\\*b\\*", "skimage.color.rgb2lab", f"differs by at most {worst:.4f}"))
    pairs = rgb2lab(colours)
    worst = float(np.abs(delta_e(*pairs) - deltaE_ciede2000(*pairs)).max())
    rows.append(("CIEDE2000", "skimage.color.deltaE_ciede2000", f"differs by at most {worst:.1e}"))
    sharp, blurry, noisy, sigma = [], [], [], []
    for rgb in pictures.values():
        for level in (0, 0.7, 1.4, 2.8):
            changed = material.blur(level)(rgb)
            sharp.append(float(bench.measure("sharpness", changed).metrics["reblur"]))
            blurry.append(-float(blur_effect(changed, channel_axis=2)))
        for level in (0, 5, 10, 20):
            changed = material.noise(level)(rgb)
            grey = Picture(changed).grey_within(1 << 20)
            noisy.append(float(bench.measure("artifacts", changed).metrics["noise"]))
            sigma.append(float(estimate_sigma(grey)))
    for name, other, ours_, theirs_ in (
        ("sharpness.reblur", "skimage.measure.blur_effect", sharp, blurry),
        ("artifacts.noise", "skimage.restoration.estimate_sigma", noisy, sigma),
    ):
        rank = float(spearmanr(ours_, theirs_).statistic)
        rows.append((name, other, f"Spearman {rank:.3f} over {len(ours_)} pictures"))
    return _table(("measure", "against", "result"), rows)


def _cost(bench: Bench, pictures: dict[str, RGB]) -> str:
    bench.seconds.clear()
    large = [material.resized(1024 / max(rgb.shape[:2]))(rgb) for rgb in pictures.values()]
    for rgb in large:
        for name in ("hashes", "foreground", "keypoints", "faces", "text", "safety"):
            if name not in bench.missing:
                bench.values(rgb, (name,))
    if "face_embedding" not in bench.missing:
        face = material.resized(2)(pictures["astronaut"])
        bench.values(face, ("face_embedding",))
    rows = [(n, f"{1000 * median(s):.0f}") for n, s in sorted(bench.seconds.items())]
    note = "Median milliseconds on one thread, pictures of 1024 pixels on the longer side.\n\n"
    return note + _table(("feature", "ms"), rows)


def _missing(bench: Bench) -> str:
    if not bench.missing:
        return ""
    lines = "\n".join(f"- `{name}`: {why}" for name, why in bench.missing.items())
    return f"Not measured, because they are not on this machine:\n\n{lines}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


_HEAD = """\
# Do the dimensions measure what they say?

Written by `python -m benchmarks.validity`, which anybody can run again, on {count} photographs
({names}) and a drawn tin with writing.

The samples are few: read this as a check that every measure moves the right way and rests where it
should, not as an error rate for your pictures. `sentinelqa rubric calibrate` gives those."""
