"""Fetch the drawings, render them once, paint the colour variants, train the tokenizer.

Writes to --out: `images.npy` (uint8, N x 128 x 128 x 4, straight alpha, object centred),
`index.csv` (one row per image: hexcode, style, colour, natural, catalog, names) and `tokenizer/`.
"""

import argparse
import csv
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import resvg_py
from catalog import CATALOG, COLOURS, HELD_OUT_STYLE
from common import caption_corpus, paint, pin_colour
from PIL import Image
from tokenizer import train_tokenizer

SIZE = 128
SPAN = 112  # longest side of the object; the rest is margin
PACKAGES = {
    "3d": "@lobehub/fluent-emoji-3d@1.1.0",
    "names": "emojibase-data@17.0.0",
    "flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "gradient": "@iconify-json/fluent-emoji@1.2.7",
    "noto": "@iconify-json/noto@1.2.9",
    HELD_OUT_STYLE: "@iconify-json/twemoji@1.2.5",
}
GROUPS = (3, 4, 5, 6, 7)  # animals, food, travel, activities, objects
SCENES = re.compile(
    r"o’clock|-thirty|moon\b|skin|globe|sunrise|sunset|cityscape|oncoming|with arrow|volume|"
    r"japanese (castle|post)|chart|mail|cloud|map\b"
)


def fetch(package: str, folder: Path) -> Path:
    """Unpack an npm package with the ordinary client and return its root."""
    target = folder / re.sub(r"[^\w.]+", "-", package).strip("-")
    if not (target / "package").is_dir():
        target.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", package, "--silent", "--pack-destination", str(target)],
            check=True,
            capture_output=True,
            text=True,
        )
        with tarfile.open(target / done.stdout.strip().splitlines()[-1]) as archive:
            archive.extractall(target, filter="data")
    return target / "package"


def centred(drawing: Image.Image) -> np.ndarray | None:
    """Crop to what is drawn, scale the longest side to SPAN, centre on a transparent square."""
    drawing = drawing.convert("RGBA")
    box = drawing.getchannel("A").point(lambda a: 255 * (a > 12)).getbbox()
    if box is None:
        return None
    part = drawing.crop(box)
    scale = SPAN / max(part.size)
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    # premultiplied ("RGBa"), so that colour does not bleed out of transparent pixels
    part = part.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (SIZE, SIZE), (255, 255, 255, 0))
    canvas.paste(part, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(canvas)


class Renders:
    """Folder of bitmaps named by code point."""

    def __init__(self, root: Path) -> None:
        self.files = {_key(path.stem): path for path in (root / "assets").glob("*.webp")}

    def draw(self, hexcode: str) -> np.ndarray | None:
        path = self.files.get(_key(hexcode))
        return centred(Image.open(path)) if path else None


class Icons:
    """An Iconify collection: bodies of SVG in one JSON file, found by code point."""

    def __init__(self, root: Path, named_by: Path) -> None:
        self.data = json.loads((root / "icons.json").read_text())
        chars = json.loads((named_by / "chars.json").read_text())
        self.names = {_key(code): name for code, name in chars.items()}

    def draw(self, hexcode: str) -> np.ndarray | None:
        name = self.names.get(_key(hexcode))
        icon = self.data["icons"].get(name)
        if icon is None:
            return None
        width = icon.get("width", self.data.get("width", 16))
        height = icon.get("height", self.data.get("height", 16))
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
        )
        png = resvg_py.svg_to_bytes(svg_string=svg, width=256, height=256)
        return centred(Image.open(io.BytesIO(bytes(png))))


def _key(code: str) -> str:
    """Code points without the variation selector, which the packages write differently."""
    return "-".join(part for part in code.lower().split("-") if part not in {"fe0f", "200d"})


def objects(names_root: Path) -> list[dict]:
    """Every object of the groups above: hexcode, names (the catalog's first), catalog, painted."""
    catalog = {item.hexcode: item for item in CATALOG}
    found = []
    taken = {name for item in CATALOG for name in item.names}
    for entry in json.loads((names_root / "en" / "data.json").read_text()):
        code = entry["hexcode"]
        if code in catalog:
            item = catalog[code]
            found.append(
                {
                    "hexcode": code,
                    "names": item.names,
                    "catalog": True,
                    "painted": item.painted,
                    "tags": entry["tags"],
                }
            )
        elif entry.get("group") in GROUPS and not SCENES.search(entry["label"].lower()):
            name = entry["label"].lower().replace("’", "'")
            paintable = entry["group"] == 7 and not any(c in name.split() for c in COLOURS)
            if name not in taken:
                found.append(
                    {
                        "hexcode": code,
                        "names": (name,),
                        "catalog": False,
                        "painted": paintable,
                        "tags": entry["tags"],
                    }
                )
    missing = set(catalog) - {row["hexcode"] for row in found}
    if missing:
        raise SystemExit(f"catalog objects without data: {sorted(missing)}")
    return found


def variants(
    image: np.ndarray, row: dict, style: str, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Colour name -> image; "" holds the drawing as it is when no single colour describes it."""
    own = pin_colour(image)
    made = {own: image}
    if not row["painted"]:
        return made
    wanted = [colour for colour in COLOURS if colour != own]
    if not (row["catalog"] and style == "3d"):
        rng.shuffle(wanted)
        wanted = wanted[: 4 if row["catalog"] else 2]
    for colour in wanted:
        painted = paint(image, colour)
        # the word must be true of the pixels, whatever the paint did
        if painted is not None and pin_colour(painted) == colour:
            made[colour] = painted
    return made


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image and its row of the index."""

    image: np.ndarray
    row: tuple[str, str, str, int, int, str]


def draw(row: dict, styles: Mapping[str, Renders | Icons]) -> list[Drawn]:
    """An object in every style and colour. What is picked depends on the object alone."""
    rng = np.random.default_rng(int(row["hexcode"].split("-")[0], 16))
    made = []
    for style, source in styles.items():
        image = source.draw(row["hexcode"])
        if image is None:
            continue
        own = pin_colour(image)
        for colour, variant in variants(image, row, style, rng).items():
            facts = (int(colour == own), int(row["catalog"]), "|".join(row["names"]))
            made.append(Drawn(variant, (row["hexcode"], style, colour, *facts)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/starter/data"))
    parser.add_argument("--workers", type=int, default=2, help="processes")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    roots = {key: fetch(package, args.out / "npm") for key, package in PACKAGES.items()}
    found = objects(roots.pop("names"))
    named_by = {**roots, "gradient": roots["flat"]}  # the same names, but no table of its own
    styles = {
        key: Renders(root) if key == "3d" else Icons(root, named_by[key])
        for key, root in roots.items()
    }
    with ProcessPoolExecutor(args.workers) as pool:
        # the collections travel once per chunk, so there are few chunks
        size = -(-len(found) // (4 * args.workers))
        drawn = [
            one
            for made in pool.map(partial(draw, styles=styles), found, chunksize=size)
            for one in made
        ]
    np.save(args.out / "images.npy", np.stack([one.image for one in drawn]))
    with (args.out / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["hexcode", "style", "colour", "natural", "catalog", "names"])
        writer.writerows(one.row for one in drawn)
    train_tokenizer(caption_corpus(found), args.out / "tokenizer")
    print(f"{len(drawn)} images of {len(found)} objects")


if __name__ == "__main__":
    main()
