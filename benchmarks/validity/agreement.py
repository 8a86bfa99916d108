"""The arithmetic of single measures against public implementations of the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image
from scipy.stats import spearmanr
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.measure import blur_effect
from skimage.restoration import estimate_sigma

from benchmarks.validity import material, ofiq
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from benchmarks.validity.table import table
from sentinelqa.features.colour import delta_e, lab
from sentinelqa.features.hashes import hash_picture
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import character_errors
from sentinelqa.features.skin import whole_face

Row = tuple[str, str, str]
_READ = (
    ("ACME Coffee", "ACME Coffee"),
    ("ACNE Cofee", "ACME Coffee"),
    ("dark roast", "dark roast beans"),
    ("", "net 250 g"),
    ("eeffoC EMCA", "ACME Coffee"),
)


_NOTE = """\
What torchmetrics and ofiqpy say is measured where they are installed; nothing else needs them.

"""


def agreement(bench: Bench, pictures: Mapping[str, RGB], ofiq_python: Path | None) -> str:
    """One row per measure that somebody else has published, too.

    Args:
        ofiq_python: the interpreter of an environment with ``ofiqpy``, where there is one.
    """
    rows = [*_hashes(pictures), *_colours(), *_sharpness_and_noise(bench, pictures), *_text()]
    if ofiq_python is not None and bench.can("lighting"):
        rows += _light(bench, pictures["astronaut"], ofiq_python)
    return _NOTE + table(("measure", "against", "result"), rows)


def _hashes(pictures: Mapping[str, RGB]) -> Iterator[Row]:
    same = sum(
        hash_picture(Picture(rgb)).phash == int(str(imagehash.phash(Image.fromarray(rgb))), 16)
        for rgb in pictures.values()
    )
    yield "hashes", "imagehash.phash", f"equal bits on {same} of {len(pictures)}"


def _colours() -> Iterator[Row]:
    colours = np.random.default_rng(0).integers(0, 256, (2, 2000, 3), np.uint8)
    worst = float(np.abs(lab(colours) - rgb2lab(colours)).max())
    yield "L\\*a\\*b\\*", "skimage.color.rgb2lab", f"differs by at most {worst:.4f}"
    pairs = rgb2lab(colours)
    worst = float(np.abs(delta_e(*pairs) - deltaE_ciede2000(*pairs)).max())
    yield "CIEDE2000", "skimage.color.deltaE_ciede2000", f"differs by at most {worst:.1e}"


def _sharpness_and_noise(bench: Bench, pictures: Mapping[str, RGB]) -> Iterator[Row]:
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
    for name, other, ours, theirs in (
        ("sharpness.reblur", "skimage.measure.blur_effect", sharp, blurry),
        ("artifacts.noise", "skimage.restoration.estimate_sigma", noisy, sigma),
    ):
        rank = float(spearmanr(ours, theirs).statistic)
        yield name, other, f"Spearman {rank:.3f} over {len(ours)} pictures"


def _text() -> Iterator[Row]:
    """Pairs in one case and width, since ours levels both and theirs does not."""
    if find_spec("torchmetrics") is None:
        return
    from torchmetrics.functional.text import char_error_rate

    worst = 0.0
    for read, expected in _READ:
        read, expected = read.casefold(), expected.casefold()
        theirs = float(char_error_rate(read, expected))
        worst = max(worst, abs(character_errors(read, expected) - theirs))
    yield "text.cer", "torchmetrics.text.char_error_rate", f"differs by at most {worst:.1e}"


def _light(bench: Bench, rgb: RGB, python: Path) -> Iterator[Row]:
    apart: dict[str, float] = {"over": 0.0, "under": 0.0, "range": 0.0}
    for stops in (-2, -1, 0, 1, 2):
        changed = material.exposure(stops)(rgb)
        face = bench.values(changed, ("faces",))["faces"].faces[0]
        ours = bench.measure("lighting", changed).metrics
        theirs = ofiq.theirs(python, changed, whole_face(face, changed.shape))
        for name, before in apart.items():
            apart[name] = max(before, abs(float(ours[name]) - theirs[name]))
    for name, unit in (("over", "of the face"), ("under", "of the face"), ("range", "bits")):
        other = f"ofiqpy, {name}, same region"
        yield (
            f"lighting.{name}",
            other,
            f"differs by at most {apart[name]:.4f} {unit} at 5 exposures",
        )
