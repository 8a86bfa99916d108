"""Runs the cases and writes them down as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from benchmarks.validity import material
from benchmarks.validity.agreement import agreement
from benchmarks.validity.cases import HARMLESS, RESPONSES, STEADY, Response
from benchmarks.validity.cost import costs
from benchmarks.validity.failures import write_failures
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from benchmarks.validity.rubrics import refused
from benchmarks.validity.table import table
from benchmarks.validity.unscored import unscored

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


def write_report(
    bench: Bench,
    samples: Path | None,
    out: Path,
    ofiq_python: Path | None = None,
    only: str = "",
) -> None:
    """Run every case and write the report.

    Args:
        only: words that a section's title must hold to be measured again; the others stay as the
            report that is there has them.
    """
    pictures = material.photographs(samples)
    sections: dict[str, Callable[[], str]] = {
        "Response to degradation": lambda: _responses(bench, pictures),
        "What should not matter": lambda: _steadiness(bench, pictures),
        "Clean photographs that would fail": lambda: _false_alarms(bench, pictures),
        "Clean photographs and the shipped rubrics": lambda: _REFUSED + refused(bench, pictures),
        "Against public implementations": lambda: agreement(bench, pictures, ofiq_python),
        "Cost": lambda: _COST + costs(bench, pictures),
        "What stays unscored offline": lambda: unscored(bench, pictures),
        "Known failures": lambda: write_failures(bench, out.parent),
    }
    kept = _sections(out) if only else {}
    parts = [_HEAD.format(count=len(pictures), names=", ".join(sorted(pictures))), _missing(bench)]
    for title, make in sections.items():
        wanted = only.lower() in title.lower() or title not in kept
        parts.append(f"## {title}\n\n{make() if wanted else kept[title]}".rstrip())
    out.write_text("\n\n".join(p for p in parts if p) + "\n", encoding="utf-8")


def _sections(report: Path) -> dict[str, str]:
    """Title -> text of the sections of a report that is there."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    found = (part.partition("\n\n") for part in text.split("\n## ")[1:])
    return {title: body.rstrip() for title, _, body in found}


def _subjects(bench: Bench, on: str, pictures: dict[str, RGB]) -> list[RGB]:
    if on == "photographs":
        return list(pictures.values())
    if on == "cut-out":
        person = bench.values(pictures["astronaut"], ("person",))["person"]
        return [material.cut_out(pictures["astronaut"], person.mask)]
    return [pictures["astronaut"] if on == "face" else material.label()]


def _responses(bench: Bench, pictures: dict[str, RGB]) -> str:
    rows = []
    for case in RESPONSES:
        if not bench.can(case.dimension) or (case.on == "cut-out" and "person" in bench.missing):
            continue
        curves = [_curve(bench, case, rgb) for rgb in _subjects(bench, case.on, pictures)]
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
    return table(head, rows)


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
            for rgb in _subjects(bench, on, pictures):
                reference = rgb if against_itself else None
                before = bench.measure(name, rgb, reference, **request).score
                after = bench.measure(name, change(rgb), reference, **request).score
                if before is not None and after is not None:
                    moved.append(abs(after - before))
            cells.append(f"{max(moved):.3f}" if moved else "unscored")
        rows.append((name, *cells))
    note = "The largest change of the score over the pictures.\n\n"
    return note + table(("dimension", *HARMLESS), rows)


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
    return note + table(("dimension", "scored", "unscored", "median", f"under {_GATE}"), rows)


def _missing(bench: Bench) -> str:
    if not bench.missing:
        return ""
    lines = "\n".join(f"- `{name}`: {why}" for name, why in bench.missing.items())
    return f"Not measured, because they are not on this machine:\n\n{lines}"


_REFUSED = """\
Each photograph is its own reference, so only what it is by itself is judged. `catalog` is made for
single objects before plain grounds in the starter model's own domain: that it refuses scenes is
what it is for. The tins are drawn; a tin is nothing that the starter's image-text model knows, and
`smoke` and `catalog` are as good as that model. `headshot` asks it nothing, and leaves furnished
rooms behind a portrait to a person.

"""
_COST = """\
Median milliseconds of one processor core for a picture of 1024 pixels on the longer side, features
that others need not counted in.

"""
_HEAD = """\
# Do the dimensions measure what they say?

Written by `python -m benchmarks.validity`, which anybody can run again, on {count} photographs
({names}) and a drawn tin with writing.
scikit-image ships the photographs; the portraits beside them, named with `--samples FOLDER`, are
`tests/test_images` of face_recognition 1.3.0's source distribution.

The samples are few: read this as a check that every measure moves the right way and rests where it
should, not as an error rate for your pictures. `sentinelqa rubric calibrate` gives those."""
