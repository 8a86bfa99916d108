"""Row 9 of the scorecard: malformed images. ``figures`` gives what was reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.bad_images import (
    READ,
    afl_corpus,
    bombs,
    foreign,
    mutations,
    pillow_corpus,
    png,
)

REASONS = {
    "missing",
    "not_a_file",
    "empty_file",
    "file_too_large",
    "image_too_large",
    "too_much_memory",
    "not_an_image",
    "truncated",
    "damaged",
    "non_finite",
}
FORMATS = {"PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "MPO"}
MOST_SECONDS = 2.0
MOST_MB = 512.0
QUICK_MUTATIONS, FULL_MUTATIONS = 100, 2_000
RUBRIC = "name: any\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.5}\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A file to decode.

    Attributes:
        allowed: the answers that are right; empty where any reason will do.
    """

    path: Path
    allowed: frozenset[str] = frozenset()


def cases(folder: Path, *, mutated: int = QUICK_MUTATIONS) -> list[Case]:
    """Write mutations, bombs, foreign formats and a file that is too large."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        _written(folder / f"mutation-{i:04}.png", content)
        for i, content in enumerate(mutations(mutated))
    ]
    for name, (content, allowed) in bombs().items():
        found.append(_written(folder / f"bomb {name}.png", content, allowed))
    for name, content in foreign().items():
        found.append(_written(folder / f"foreign {name}.png", content, {"not_an_image"}))
    large = _written(folder / "large.png", png(4, 4, b"x\x9c\x03\0\0\0\0\1"), {"file_too_large"})
    os.truncate(large.path, 80 * 2**20)
    return [*found, large]


def corpora(cache: Path) -> Iterator[Case]:
    """The image corpora that are fetched rather than kept here."""
    for path in (*pillow_corpus(cache), *afl_corpus(cache)):
        yield Case(path)


def decoded(cases: Iterable[Case], mutant: str = "none") -> list[dict[str, Any]]:
    """Decode each file in a process that is started again when a file kills it."""
    waiting = list(cases)
    found: list[dict[str, Any]] = []
    while len(found) < len(waiting):
        found += _until_it_dies(waiting[len(found) :], mutant)
        if len(found) < len(waiting):
            path = str(waiting[len(found)].path)
            found.append({"path": path, "code": "died", "format": "", "seconds": 0.0, "mb": 0.0})
    return found


def measure(cases: list[Case], mutant: str = "none") -> dict[str, float]:
    """Decode all, and count what should not be."""
    found = decoded(cases, mutant)
    codes = [one["code"] for one in found]
    wrong = [
        one
        for case, one in zip(cases, found, strict=True)
        if one["code"] not in (case.allowed or REASONS | {READ})
        or (one["format"] and one["format"] not in FORMATS)
    ]
    return {
        "files": len(found),
        "read": codes.count(READ),
        "refused": sum(code in REASONS for code in codes),
        "died": codes.count("died"),
        "wrong answers": len(wrong),
        "most seconds": max(one["seconds"] for one in found),
        "most MB": max(one["mb"] for one in found),
    }


def scored(folder: Path, out: Path) -> dict[str, float]:
    """Score a folder of such files with the real command, and look for each in its tables."""
    import pandas as pd

    rubric = out.with_suffix(".yaml")
    rubric.write_text(RUBRIC)
    command = (sys.executable, "-m", "sentinelqa", "score", folder, "--rubric", rubric)
    ended = subprocess.run(
        [*command, "--out", out, "--quiet"], check=False, capture_output=True, timeout=3000
    )
    files = {str(p) for p in folder.iterdir()}
    table = pd.read_parquet(out / "candidates.parquet")
    unread = table[table["outcome"] == "error"]
    without = [r for r in unread["reasons"] if not any(f"{code}: " in r for code in REASONS)]
    return {
        "runner crashes": float(ended.returncode not in (0, 1)),
        "not listed": len(files - set(table["path"])),
        "errors": len(unread),
        "errors without a reason": len(without),
    }


def figures(folder: Path, *, full: bool = False, cache: Path | None = None) -> dict[str, float]:
    """What row 9 reached. The full form fetches the known corpora into ``cache``.

    Raises:
        OSError, subprocess.SubprocessError: the corpora cannot be had here.
    """
    files = cases(folder / "files", mutated=FULL_MUTATIONS if full else QUICK_MUTATIONS)
    extra = list(corpora(cache or _cache())) if full else []
    return measure([*files, *extra]) | scored(folder / "files", folder / "out")


def violations(found: Mapping[str, float], room: float = 1.0) -> list[str]:
    """The goals that are missed; ``room`` times the seconds are allowed on a slow machine."""
    none = ("died", "wrong answers", "runner crashes", "not listed", "errors without a reason")
    missed = [name for name in none if found.get(name, 0)]
    if found["most seconds"] > MOST_SECONDS * room:
        missed.append("most seconds")
    if found["most MB"] > MOST_MB:
        missed.append("most MB")
    return missed


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "sentinelqa-tests"


def _written(path: Path, content: bytes, allowed: Iterable[str] = ()) -> Case:
    path.write_bytes(content)
    return Case(path, frozenset(allowed))


def _until_it_dies(cases: list[Case], mutant: str) -> list[dict[str, Any]]:
    program = Path(__file__).with_name("decode_one_by_one.py")
    asked = "".join(json.dumps(str(case.path)) + "\n" for case in cases)
    ended = subprocess.run(
        [sys.executable, program, mutant],
        input=asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=3000,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]
