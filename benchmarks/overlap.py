"""What runs at the same time in a run: a table and a picture from its trace.

    python -m benchmarks.overlap                      # a run of the starter models, traced
    python -m benchmarks.overlap --trace trace.json   # of a run that was traced before
    python -m benchmarks.overlap --record             # into docs/performance.md and its picture

For every kind of work: how long it takes over all processes, and the share of that time in which
the device was denoising or decoding. What is not beside generation is what a run waits for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sentinelqa

HOME = Path(__file__).resolve().parents[1]
DOCS, PICTURE = HOME / "docs" / "performance.md", HOME / "docs" / "images" / "overlap.svg"
START, END = "<!-- overlap: start -->", "<!-- overlap: end -->"
KINDS = ("denoise", "decode", "copy and write", "encode", "features", "judge", "ledger", "deliver")
COLOURS = ("#2a7f62", "#5fb48f", "#8c6bb1", "#b3432b", "#e08e45", "#c9b037", "#4a6fa5", "#888888")
JOB = """\
name: overlap
requests: requests.csv
prompt: "a {colour} {thing}"
generator: {model: starter, steps: 12, guidance: 3.0, width: 128, height: 128}
rubric: rubric.yaml
deliver: 2
candidates: {best_of: 8, batch: 8}
"""
RUBRIC = """\
name: overlap
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.3}
    prompt_alignment: {min: 0.0}
rank: {prompt_alignment: 1}
"""

Spans = list[tuple[float, float]]


def traced(folder: Path) -> list[dict[str, Any]]:
    """The events of a small run."""
    rows = [f"r{n},{c},{t}" for n, (c, t) in enumerate(_pairs())]
    (folder / "requests.csv").write_text("\n".join(["id,colour,thing", *rows]) + "\n")
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(JOB)
    trace = folder / "trace.json"
    sentinelqa.run(folder / "job.yaml", out=folder / "run", trace=trace)
    return events_of(trace)


def events_of(trace: Path) -> list[dict[str, Any]]:
    """The spans in a trace file."""
    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return [e for e in events if e["ph"] == "X"]


def by_kind(events: Iterable[dict[str, Any]]) -> dict[str, Spans]:
    """Kind of work -> when it ran, in seconds; what ran twice at a time is there twice."""
    found: dict[str, Spans] = {kind: [] for kind in KINDS}
    for event in events:
        kind = _kind(event["name"])
        if kind:
            start = event["ts"] / 1e6
            found[kind].append((start, start + event["dur"] / 1e6))
    found["denoise"] = without(found["denoise"], found["decode"])
    return found


def without(spans: Spans, others: Spans) -> Spans:
    """The parts of ``spans`` that lie in none of ``others``."""
    for begin, end in others:
        spans = [
            part
            for a, b in spans
            for part in ((a, min(b, begin)), (max(a, end), b))
            if part[0] < part[1]
        ]
    return spans


def seconds(spans: Spans) -> float:
    """Their length."""
    return sum(b - a for a, b in spans)


def table(found: dict[str, Spans]) -> list[str]:
    """Lines of Markdown."""
    device = found["denoise"] + found["decode"]
    busy = max(b for _, b in device) - min(a for a, _ in device)
    lines = ["| work | seconds | beside generation |", "|---|---|---|"]
    for kind, spans in found.items():
        if spans and kind not in ("denoise", "decode"):
            beside = 1 - seconds(without(spans, device)) / seconds(spans)
            lines.append(f"| {kind} | {seconds(spans):.2f} | {beside:.0%} |")
        elif spans:
            lines.append(f"| {kind} | {seconds(spans):.2f} | |")
    waits = 1 - seconds(device) / busy
    return [
        *lines,
        "",
        f"From the first batch to the last the generator waits {waits:.1%} of the time.",
    ]


def picture(found: dict[str, Spans]) -> str:
    """One line for each kind of work, along the time of the run."""
    every = [one for spans in found.values() for one in spans]
    first, last = min(a for a, _ in every), max(b for _, b in every)
    width, left, line = 900, 130, 24
    height = line * (len(found) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, (kind, spans) in enumerate(found.items()):
        top = line * place + 8
        parts.append(f'<text x="8" y="{top + 14}" fill="#222">{kind}</text>')
        for a, b in spans:
            x = left + (a - first) / (last - first) * (width - left - 10)
            long = max(0.6, (b - a) / (last - first) * (width - left - 10))
            parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{long:.1f}" height="{line - 6}" '
                f'fill="{COLOURS[place]}" fill-opacity="0.75"/>'
            )
    parts.append(
        f'<text x="{width - 10}" y="{height - 10}" text-anchor="end" fill="#222">'
        f"{last - first:.1f} s</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def record(lines: Sequence[str], found: dict[str, Spans]) -> None:
    """Put the table and the picture into the documentation."""
    page = DOCS.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    shown = "![What runs when in a run of the starter models](images/overlap.svg)"
    body = "\n".join([START, shown, "", *lines, END])
    DOCS.write_text(before + body + after, encoding="utf-8")
    PICTURE.write_text(picture(found), encoding="utf-8")


def _kind(name: str) -> str:
    if name.startswith("feature "):
        return "features"
    return {
        "denoise and decode": "denoise",
        "decode": "decode",
        "to the host": "copy and write",
        "write": "copy and write",
        "encode and store": "encode",
        "judge": "judge",
        "ledger": "ledger",
        "deliver": "deliver",
    }.get(name, "")


def _pairs() -> list[tuple[str, str]]:
    return [(c, t) for c in ("red", "blue", "green") for t in ("car", "teapot")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trace: Path | None = arguments.trace
        found = by_kind(events_of(trace) if trace else traced(Path(folder)))
    lines = table(found)
    print("\n".join(lines))
    if arguments.record:
        record(lines, found)


if __name__ == "__main__":
    main()
