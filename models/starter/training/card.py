"""The tables of the model card, made from metrics.json.

python card.py models/starter
"""

import argparse
import json
from pathlib import Path

START, END = "<!-- figures: made by training/card.py -->", "<!-- end of figures -->"
SETS = {
    "held_out_renders": "held-out renders, as drawn",
    "held_out_renders_all_colours": "held-out renders, all colours",
    "held_out_style": "held-out style (Twemoji), as drawn",
    "held_out_style_all_colours": "held-out style, all colours",
    "seen_renders": "renders it was taught, all colours",
}


def spread(values: dict[str, float]) -> str:
    return f"{values['p05']:.2f} / {values['p50']:.2f} / {values['p95']:.2f}"


def clip_table(figures: dict) -> list[str]:
    lines = [
        "| pictures | count | top-1 (catalog) | top-5 (catalog) | top-1 (all) | top-5 (all) "
        "| colour |",
        "|---|---|---|---|---|---|---|",
    ]
    for key, label in SETS.items():
        few, all_names = figures[key]["among_catalog_names"], figures[key]["among_all_names"]
        lines.append(
            f"| {label} | {few['images']} | {few['top1']:.2f} | {few['top5']:.2f} "
            f"| {all_names['top1']:.2f} | {all_names['top5']:.2f} "
            f"| {figures[key]['colour']['top1']:.2f} |"
        )
    cosine, colour = figures["cosine"], figures["held_out_renders"]["colour"]
    return [
        *lines,
        "",
        "Cosines (5 % / median / 95 %): "
        f"right caption {spread(cosine['right_caption'])}, "
        f"another object's caption {spread(cosine['wrong_object'])}; on held-out renders, "
        f"right colour {spread(colour['cosine_right_colour'])}, "
        f"wrong colour of the right object {spread(colour['cosine_wrong_colour'])}.",
    ]


def generator_table(figures: dict) -> list[str]:
    lines = [
        "| guidance | samples | object top-1 | object top-5 | colour (CLIP) | colour (pixels) "
        "| white corners | cosine to prompt | s per image |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, row in figures.items():
        if not key.startswith("guidance_"):
            continue
        lines.append(
            f"| {key.removeprefix('guidance_')} | {row['object']['images']} "
            f"| {row['object']['top1']:.2f} | {row['object']['top5']:.2f} "
            f"| {row['colour']['top1']:.2f} | {row['pixel_colour_agrees']:.2f} "
            f"| {row['white_corners']:.2f} | {spread(row['cosine_to_prompt'])} "
            f"| {row['seconds_per_image']:.2f} |"
        )
    where = f"{figures['threads']} CPU thread(s)" if figures["device"] == "cpu" else "a GPU"
    return [*lines, "", f"{figures['steps']} steps; seconds on {where}."]


def write_card(folder: Path) -> None:
    """Put the tables between the two marks of README.md."""
    figures = json.loads((folder / "metrics.json").read_text())
    names = figures["clip"]["held_out_renders"]["among_catalog_names"]["names"]
    every = figures["clip"]["held_out_renders"]["among_all_names"]["names"]
    tables = [
        START,
        "",
        f"**CLIP.** The object is asked for as `a {{name}}`, among the {names} names of the "
        f"catalog and among all {every}; the colour among eleven words, the object given.",
        "",
        *clip_table(figures["clip"]),
        "",
        f"**Generator.** Judged by the CLIP among the {names} names; colour as the CLIP ranks it, "
        "and as measured on the pixels.",
        "",
        *generator_table(figures["generator"]),
        "",
        END,
    ]
    card = folder / "README.md"
    before, rest = card.read_text().split(START)
    card.write_text(before + "\n".join(tables) + rest.split(END)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_card(parser.parse_args().folder)
