"""Peak memory of scoring-only mode by number of images: it must not grow with the count.

    python -m benchmarks.memory --counts 100 2000

Prints the peak resident size of the largest process of each run (the scoring worker) in MB, and the
ratio of the last to the first.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

from sentinelqa.generators.fake import draw
from sentinelqa.images import encode_fast
from sentinelqa.types import Candidate, Settings

RUBRIC = """\
name: memory
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.5}
"""


def main() -> None:
    """Measure, print, and fail when memory grew by more than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 2000])
    parser.add_argument("--side", type=int, default=256, help="pixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "rubric.yaml").write_text(RUBRIC)
        peaks = [_peak(folder, count, arguments.side) for count in arguments.counts]
    for count, peak in zip(arguments.counts, peaks, strict=True):
        print(f"{count:>7} images  {peak:7.1f} MB")
    ratio = peaks[-1] / peaks[0]
    print(f"ratio {ratio:.3f} (goal: at most 1.10)")
    sys.exit(ratio > 1.10)


def _peak(folder: Path, count: int, side: int) -> float:
    images = folder / f"images-{count}"
    images.mkdir()
    settings = Settings(model="fake", width=side, height=side)
    for seed in range(count):
        candidate = Candidate(id="x", request_id="x", seed=seed, settings=settings)
        (images / f"{seed:06d}.png").write_bytes(encode_fast(draw(candidate)))
    with get_context("spawn").Pool(1) as pool:  # a fresh parent: RUSAGE_CHILDREN only ever grows
        return pool.apply(_score, (str(images), str(folder / "rubric.yaml"), str(folder / "out")))


def _score(images: str, rubric: str, out: str) -> float:
    command = [sys.executable, "-m", "sentinelqa", "score", images, "--rubric", rubric, "-q"]
    subprocess.run(
        [*command, "--out", f"{out}-{Path(images).name}"], check=False, capture_output=True
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
