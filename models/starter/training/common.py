"""What several scripts share: colour naming and painting, captions, devices, checkpoints."""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nnf
from catalog import COLOURS

TEMPLATES = (
    "{}",
    "a {}",
    "a {}, studio product photo, white background",
    "a photo of a {}",
    "{}, studio product photo, white background",
    "a {} on a white background",
)
PLAIN_CHROMA = 0.045  # below this a pixel has no hue that one could name


# --- colour: OKLab (B. Ottosson, 2020) ---

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """uint8 sRGB (..., 3) to OKLab."""
    value = rgb.astype(np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def srgb(lab: np.ndarray) -> np.ndarray:
    """OKLab (..., 3) to uint8 sRGB, clipped to the gamut."""
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(np.clip(value, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Body:
    """The part of an object that carries its colour: weights per pixel, mean OKLab, share."""

    weight: np.ndarray
    mean: np.ndarray
    share: float
    plain: bool


def find_body(image: np.ndarray, lab: np.ndarray) -> Body:
    """Dominant hue of an RGBA image, or its hueless part when hardly any pixel has a hue."""
    alpha = image[..., 3] / 255.0
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    area = alpha.sum() + 1e-9
    hued = alpha * np.clip((chroma - PLAIN_CHROMA) / 0.02, 0, 1)
    plain = hued.sum() / area < 0.30
    if plain:
        weight = np.clip((0.10 - chroma) / 0.04, 0, 1)
    else:
        hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
        votes = np.histogram(hue, bins=72, range=(-180, 180), weights=hued * chroma)[0]
        kernel = np.hanning(15)
        smooth = np.convolve(np.tile(votes, 3), kernel, "same")[72:144]
        centre = smooth.argmax() * 5 - 177.5
        apart = np.abs((hue - centre + 180) % 360 - 180)
        weight = np.clip((60 - apart) / 15, 0, 1) * np.clip((chroma - 0.02) / 0.03, 0, 1)
    mass = weight * alpha
    mean = (lab * mass[..., None]).sum((0, 1)) / (mass.sum() + 1e-9)
    return Body(weight, mean, float(mass.sum() / area), bool(plain))


def reference(colour: str) -> np.ndarray:
    light, chroma, hue = COLOURS[colour]
    return np.array([light, chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))])


def pin_colour(image: np.ndarray) -> str:
    """The basic colour word that is true of an RGBA image, or "" when no single one is."""
    body = find_body(image, oklab(image[..., :3]))
    if body.share < 0.42:
        return ""
    chroma = np.hypot(*body.mean[1:])
    plain = ("white", "grey", "black")
    if body.plain or chroma < 0.04:
        return min(plain, key=lambda name: abs(COLOURS[name][0] - body.mean[0]))
    # lightness counts half: shading moves it, hue is what the word means
    scale = np.array([0.5, 1.0, 1.0])
    apart = {
        name: float(np.linalg.norm((reference(name) - body.mean) * scale))
        for name in COLOURS
        if name not in plain
    }
    best = min(apart, key=apart.__getitem__)
    return best if apart[best] < 0.13 else ""


def paint(image: np.ndarray, colour: str) -> np.ndarray | None:
    """Move the body of an RGBA image to a colour and keep its shading and its accents."""
    lab = oklab(image[..., :3])
    body = find_body(image, lab)
    if body.share < 0.3:
        return None
    target = reference(colour)
    contrast = 0.55 if colour in {"white", "black"} else 0.85
    moved = np.empty_like(lab)
    moved[..., 0] = target[0] + (lab[..., 0] - body.mean[0]) * contrast
    own = np.hypot(*body.mean[1:])
    if body.plain or np.hypot(*target[1:]) < 0.02:
        fade = np.clip(1.6 - 1.2 * np.abs(moved[..., 0] - target[0]) / 0.4, 0.3, 1)
        moved[..., 1:] = target[1:] * fade[..., None]
    else:
        # one rotation and one gain for all pixels: relative hue and saturation stay
        turn = np.arctan2(target[2], target[1]) - np.arctan2(body.mean[2], body.mean[1])
        gain = np.hypot(*target[1:]) / max(own, 0.03)
        a, b = lab[..., 1] * gain, lab[..., 2] * gain
        moved[..., 1] = a * np.cos(turn) - b * np.sin(turn)
        moved[..., 2] = a * np.sin(turn) + b * np.cos(turn)
    mixed = lab + (moved - lab) * body.weight[..., None]
    mixed[..., 0] = np.clip(mixed[..., 0], 0.04, 0.985)
    return np.concatenate([srgb(mixed), image[..., 3:]], axis=-1)


# --- data ---


@dataclass(frozen=True, slots=True)
class Row:
    """One image of the prepared set."""

    hexcode: str
    style: str
    colour: str
    natural: bool
    catalog: bool
    names: tuple[str, ...]


def load_index(data: Path) -> list[Row]:
    with (data / "index.csv").open(newline="") as file:
        return [
            Row(
                r["hexcode"],
                r["style"],
                r["colour"],
                r["natural"] == "1",
                r["catalog"] == "1",
                tuple(r["names"].split("|")),
            )
            for r in csv.DictReader(file)
        ]


def article(text: str) -> str:
    """Mend "a orange ..." after a template was filled."""
    return text.replace("a orange", "an orange") if text.startswith("a orange") else text


def caption(
    row: Row, rng: np.random.Generator, colour: str | None = None, bare: float | None = None
) -> str:
    """A caption that is true of the image; `colour` replaces its colour word, `bare` is the
    chance of none."""
    name = row.names[0] if rng.random() < 0.7 else row.names[rng.integers(len(row.names))]
    word = row.colour if colour is None else colour
    # a drawing in its own colour is also what the bare name means
    if bare is None:
        bare = 0.35 if row.natural else 0.08
    if word and (colour is not None or rng.random() > bare):
        name = f"{word} {name}"
    return article(TEMPLATES[rng.integers(len(TEMPLATES))].format(name))


def caption_corpus(found: list[dict]) -> list[str]:
    """Text for the tokenizer: names, tags, colours and templates, the common ones often."""
    lines = [template.format("") for template in TEMPLATES] * 200 + list(COLOURS) * 200
    for row in found:
        lines += list(row["names"]) * (60 if row["catalog"] else 5) + list(row["tags"] or [])
    return lines


def over_white(image: torch.Tensor) -> torch.Tensor:
    """uint8 RGBA (N, H, W, 4) to float RGB in [-1, 1] over white, (N, 3, H, W)."""
    value = image.float() / 255
    alpha = value[..., 3:]
    return ((value[..., :3] * alpha + 1 - alpha) * 2 - 1).permute(0, 3, 1, 2).contiguous()


def shaken(image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Small shifts, scales and turns over white, and a mirror image now and then."""
    count = len(image)
    angle = torch.from_numpy(rng.uniform(-0.16, 0.16, count)).float()
    scale = torch.from_numpy(rng.uniform(0.95, 1.2, count)).float()
    flip = torch.from_numpy(rng.choice([1.0, -1.0], count, p=[0.7, 0.3])).float()
    shift = torch.from_numpy(rng.uniform(-0.06, 0.06, (count, 2))).float()
    theta = torch.stack(
        [
            torch.stack([scale * angle.cos() * flip, -scale * angle.sin(), shift[:, 0]], 1),
            torch.stack([scale * angle.sin() * flip, scale * angle.cos(), shift[:, 1]], 1),
        ],
        1,
    )
    grid = nnf.affine_grid(theta.to(image.device), list(image.shape), align_corners=False)
    # sampled around zero, so that what lies outside is white
    return nnf.grid_sample(image - 1, grid, mode="bicubic", align_corners=False).clamp(-2, 0) + 1


# --- machine ---


@dataclass(frozen=True, slots=True)
class Machine:
    device: torch.device
    bf16: bool

    @property
    def fast(self) -> bool:
        """A GPU: whole images at once, where two cores must do with parts of them."""
        return self.device.type == "cuda"

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


def machine(threads: int) -> Machine:
    """A GPU with bf16 autocast when there is one, else this many CPU threads in fp32."""
    torch.manual_seed(0)
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        return Machine(torch.device("cuda"), bf16=True)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    return Machine(torch.device("cpu"), bf16=False)


def save_checkpoint(path: Path, **parts: object) -> None:
    """Write beside, then rename: a killed run leaves the earlier checkpoint whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(parts, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load_checkpoint(path: Path) -> dict | None:
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def until(minutes: float, steps: int, start: int = 0) -> Iterator[tuple[int, float]]:
    """Step numbers with progress in [0, 1], by whichever limit comes first."""
    begun = time.monotonic()
    for step in range(start, steps):
        spent = (time.monotonic() - begun) / 60
        progress = max(spent / minutes, step / steps)
        yield step, min(progress, 1.0)
        if spent >= minutes:
            return


def warm_cosine(progress: float, step: int, warmup: int = 100, floor: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, cosine to the floor at the end of the budget."""
    ramp = min(1.0, (step + 1) / warmup)
    return ramp * (floor + (1 - floor) * 0.5 * (1 + float(np.cos(np.pi * progress))))
