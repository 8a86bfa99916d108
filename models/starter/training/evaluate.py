"""Measure both models and write metrics.json and the sheet of samples.

    python evaluate.py --data build/starter/data --models models/starter

The CLIP is asked for the object ("a {name}") among all catalog names and among all names that it
was taught, and for the colour among all basic colours with the object given. The samples of the
generator are judged by the CLIP in the same way.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from catalog import CATALOG, COLOURS, HELD_OUT, HELD_OUT_STYLE
from common import Row, article, load_index, machine, over_white, pin_colour
from diffusers import DiffusionPipeline
from PIL import Image, ImageDraw

SHEET = (
    "a red running shoe",
    "a green handbag",
    "a blue backpack",
    "an orange suitcase",
    "a purple t-shirt",
    "a pink dress",
    "a yellow pickup truck",
    "a red car",
    "a blue sofa",
    "a brown chair",
    "a green book",
    "a black camera",
    "a purple teapot",
    "a pink balloon",
    "a grey padlock",
    "a red bucket",
    "a banana",
    "an apple",
)
WORDING = "{}, studio product photo, white background"


class Clip:
    """The shipped CLIP."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        name = f"local-dir:{folder}"
        self.model, _, self.prepare = open_clip.create_model_and_transforms(name)
        self.model = self.model.to(device).eval()
        self.tokenizer = open_clip.get_tokenizer(name)
        self.device = device

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        ids = self.tokenizer(texts).to(self.device)
        return torch.cat([self.model.encode_text(part, normalize=True) for part in ids.split(256)])

    @torch.no_grad()
    def images(self, images: list[Image.Image]) -> torch.Tensor:
        vectors = []
        for at in range(0, len(images), 64):
            batch = torch.stack([self.prepare(image) for image in images[at : at + 64]])
            vectors.append(self.model.encode_image(batch.to(self.device), normalize=True))
        return torch.cat(vectors)


def pictures(drawn: np.ndarray, picked: list[int]) -> list[Image.Image]:
    value = over_white(torch.from_numpy(drawn[picked]))
    pixels = ((value + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(image) for image in pixels]


def ranks(images: torch.Tensor, texts: torch.Tensor, true: list[int]) -> np.ndarray:
    """Place of the true text for every image, 0 is first."""
    scores = images @ texts.T
    own = scores[torch.arange(len(true)), torch.tensor(true)]
    return (scores > own[:, None]).sum(1).cpu().numpy()


def share(places: np.ndarray, top: int) -> float:
    return round(float((places < top).mean()), 4)


def judge_objects(
    clip: Clip, rows: list[Row], vectors: torch.Tensor, codes: dict[str, str]
) -> dict:
    """Top-1 and top-5 of the object among the names in `codes` (hexcode -> name)."""
    order = {code: i for i, code in enumerate(codes)}
    texts = clip.texts([article(f"a {name}") for name in codes.values()])
    places = ranks(vectors, texts, [order[row.hexcode] for row in rows])
    return {
        "names": len(codes),
        "images": len(rows),
        "top1": share(places, 1),
        "top5": share(places, 5),
    }


def judge_colours(clip: Clip, rows: list[Row], vectors: torch.Tensor) -> dict:
    """Top-1 of the colour with the object given, and cosines of right and wrong captions."""
    words = list(COLOURS)
    keep = [i for i, row in enumerate(rows) if row.colour]
    right, cosine_right, cosine_wrong = [], [], []
    known: dict[str, torch.Tensor] = {}
    for i in keep:
        name = rows[i].names[0]
        if name not in known:
            known[name] = clip.texts([article(f"a {word} {name}") for word in words])
        scores = (known[name] @ vectors[i]).cpu()
        true = words.index(rows[i].colour)
        right.append(int(scores.argmax()) == true)
        cosine_right.append(float(scores[true]))
        cosine_wrong += [float(s) for n, s in enumerate(scores) if n != true]
    return {
        "images": len(keep),
        "top1": round(float(np.mean(right)), 4),
        "cosine_right_colour": spread(cosine_right),
        "cosine_wrong_colour": spread(cosine_wrong),
    }


def spread(values: list[float] | np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {
        "p05": round(float(low), 3),
        "p50": round(float(middle), 3),
        "p95": round(float(high), 3),
    }


def clip_figures(clip: Clip, index: list[Row], drawn: np.ndarray) -> dict:
    names = {row.hexcode: row.names[0] for row in index}
    catalog = {item.hexcode: item.names[0] for item in CATALOG if item.hexcode in names}
    sets = {
        "held_out_renders": lambda r: r.style == "3d" and r.hexcode in HELD_OUT and r.natural,
        "held_out_renders_all_colours": lambda r: r.style == "3d" and r.hexcode in HELD_OUT,
        "held_out_style": lambda r: r.style == HELD_OUT_STYLE and r.catalog and r.natural,
        "held_out_style_all_colours": lambda r: r.style == HELD_OUT_STYLE and r.catalog,
        "seen_renders": lambda r: r.style == "3d" and r.catalog and r.hexcode not in HELD_OUT,
    }
    figures: dict[str, dict] = {}
    for label, wanted in sets.items():
        picked = [i for i, row in enumerate(index) if wanted(row)]
        rows = [index[i] for i in picked]
        vectors = clip.images(pictures(drawn, picked))
        figures[label] = {
            "among_catalog_names": judge_objects(clip, rows, vectors, catalog),
            "among_all_names": judge_objects(clip, rows, vectors, names),
            "colour": judge_colours(clip, rows, vectors),
        }
        print(label, json.dumps(figures[label]), flush=True)
    # the range of cosines that a threshold has to work with
    picked = [i for i, r in enumerate(index) if r.style == "3d" and r.catalog and r.natural]
    rows = [index[i] for i in picked]
    vectors = clip.images(pictures(drawn, picked))
    texts = clip.texts(
        [article(f"a {row.colour} {row.names[0]}".replace("  ", " ")) for row in rows]
    )
    cosines = (vectors @ texts.T).cpu().numpy()
    same = np.eye(len(rows), dtype=bool)
    figures["cosine"] = {
        "right_caption": spread(cosines[same]),
        "wrong_object": spread(cosines[~same]),
    }
    return figures


def generated(
    pipeline: DiffusionPipeline,
    prompts: list[str],
    guidance: float,
    steps: int,
    seed: int,
    batch: int = 16,
) -> list[Image.Image]:
    images: list[Image.Image] = []
    for at in range(0, len(prompts), batch):
        part = prompts[at : at + batch]
        seeds = [torch.Generator().manual_seed(seed + at + i) for i in range(len(part))]
        images += pipeline(
            part, num_inference_steps=steps, guidance_scale=guidance, generator=seeds
        ).images
    return images


def generator_figures(
    pipeline: DiffusionPipeline, clip: Clip, steps: int, guidances: list[float], count: int
) -> dict:
    rng = np.random.default_rng(7)
    codes = {item.hexcode: item.names[0] for item in CATALOG}
    taught = [item for item in CATALOG if item.generated]
    objects = [taught[i] for i in np.linspace(0, len(taught) - 1, count).round().astype(int)]
    words = [str(rng.choice(list(COLOURS))) if item.painted else "" for item in objects]
    phrases = [
        article(f"a {word} {item.names[0]}".replace("  ", " "))
        for word, item in zip(words, objects, strict=True)
    ]
    rows = [
        Row(item.hexcode, "generated", word, not word, True, item.names)
        for word, item in zip(words, objects, strict=True)
    ]
    figures: dict[str, dict] = {}
    for guidance in guidances:
        begun = time.monotonic()
        images = generated(pipeline, [WORDING.format(p) for p in phrases], guidance, steps, 1000)
        seconds = (time.monotonic() - begun) / len(images)
        vectors = clip.images(images)
        corner = np.array(
            [[np.asarray(image)[y, x] for y in (2, -3) for x in (2, -3)] for image in images]
        )
        objects_judged = judge_objects(clip, rows, vectors, codes)
        colours_judged = judge_colours(clip, rows, vectors)
        paired = (vectors * clip.texts(phrases)).sum(1).cpu().numpy()
        figures[f"guidance_{guidance:g}"] = {
            "object": objects_judged,
            "colour": colours_judged,
            "pixel_colour_agrees": round(
                float(
                    np.mean(
                        [
                            pin_colour(cut_out(image)) == word
                            for image, word in zip(images, words, strict=True)
                            if word
                        ]
                    )
                ),
                4,
            ),
            "white_corners": round(float((corner.min(-1) >= 245).mean()), 4),
            "cosine_to_prompt": spread(paired),
            "seconds_per_image": round(seconds, 3),
        }
        print(guidance, json.dumps(figures[f"guidance_{guidance:g}"]), flush=True)
    return figures


def cut_out(image: Image.Image) -> np.ndarray:
    """RGBA with the near-white ground made transparent, as far as it touches the border."""
    pixels = np.asarray(image.convert("RGB"))
    marked = image.convert("RGB")
    for corner in (
        (0, 0),
        (0, marked.height - 1),
        (marked.width - 1, 0),
        (marked.width - 1, marked.height - 1),
    ):
        ImageDraw.floodfill(marked, corner, (255, 0, 254), thresh=30)
    ground = (np.asarray(marked) == (255, 0, 254)).all(-1)
    return np.dstack([pixels, np.where(ground, 0, 255).astype(np.uint8)])


def sheet(pipeline: DiffusionPipeline, steps: int, guidance: float, path: Path) -> None:
    """Three seeds of every prompt, unpicked."""
    columns, cell, text = 6, 128, 14
    images = [
        generated(pipeline, [WORDING.format(p) for p in SHEET], guidance, steps, seed)
        for seed in (1, 2001, 4001)
    ]
    rows = -(-len(SHEET) // columns)
    canvas = Image.new("RGB", (columns * cell, rows * (3 * cell + text)), "white")
    pen = ImageDraw.Draw(canvas)
    for n, prompt in enumerate(SHEET):
        left, top = n % columns * cell, n // columns * (3 * cell + text)
        pen.text((left + 3, top + 1), prompt, fill=(60, 60, 60))
        for k in range(3):
            canvas.paste(images[k][n], (left, top + text + k * cell))
    canvas.save(path, optimize=True)


def main() -> None:
    home = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/starter/data"))
    parser.add_argument("--models", type=Path, default=home, help="holds pipeline/ and clip/")
    parser.add_argument("--out", type=Path, help="default: the folder of the models")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 2.0, 4.0, 7.0])
    parser.add_argument("--count", type=int, default=40, help="generated objects per guidance")
    parser.add_argument("--sheet-guidance", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-clip", action="store_true", help="keep the figures there are")
    parser.add_argument("--skip-generator", action="store_true")
    args = parser.parse_args()
    host = machine(args.threads)
    out = args.out or args.models
    index = load_index(args.data)
    drawn = np.load(args.data / "images.npy", mmap_mode="r")
    clip = Clip(args.models / "clip", host.device)
    measured = out / "metrics.json"
    figures: dict = json.loads(measured.read_text()) if measured.is_file() else {}
    if not args.skip_clip:
        figures["clip"] = clip_figures(clip, index, drawn)
    if not args.skip_generator:
        pipeline = DiffusionPipeline.from_pretrained(args.models / "pipeline").to(host.device)
        pipeline.set_progress_bar_config(disable=True)
        figures["generator"] = {
            "steps": args.steps,
            "device": host.device.type,
            "threads": args.threads,
            "machine": platform.machine(),
            **generator_figures(pipeline, clip, args.steps, args.guidance, args.count),
        }
        sheet(pipeline, args.steps, args.sheet_guidance, out / "samples.png")
    measured.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
