"""A run around a paced device: how much of the device's time does everything else leave it?

    python -m benchmarks.paced --rate 10

On a CPU, where scoring takes cores from generation, the device is a generator that sleeps for the
device's time and releases the interpreter; its pictures lie ready in memory, shifted by the seed so
that no two are alike. Everything else is the real run: workers, scoring, encoding, ledger,
deliveries. The trace says where the device waited.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from sentinelqa.generators.base import Generated, Image
from sentinelqa.generators.fake import draw
from sentinelqa.generators.stage import GenerateStage
from sentinelqa.job import Job, load_job
from sentinelqa.types import Candidate, ModelUse, Settings

BATCH, SIDE, DRAWN = 8, 512, 16
RUBRIC = """\
name: paced
version: 1
tiers:
  generic:
    artifacts: {min: 0.3}
    sharpness: {min: 0.5}
    prompt_alignment: {min: 0.0}
rank: {sharpness: 1}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """What a paced run took.

    Attributes:
        efficiency: device time of all candidates over the time from the first batch's begin to the
            last batch's end.
        to_the_end: the same, to the last delivery.
        waits: seconds that the device waited between batches, ascending.
    """

    efficiency: float
    to_the_end: float
    candidates: int
    waits: tuple[float, ...]


class PacedGenerator:
    """Pictures at a fixed pace."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._drawn: list[Image] = []

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(id="paced"),)

    def load(self) -> None:
        settings = Settings(model="fake", width=SIDE, height=SIDE)
        self._drawn = [
            draw(Candidate(id="x", request_id="x", seed=seed, settings=settings))
            for seed in range(DRAWN)
        ]

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        start = time.perf_counter()
        time.sleep(self._seconds - SIDE * SIDE * 3 * shape * 4e-10)
        images = [np.roll(self._drawn[c.seed % DRAWN], c.seed % SIDE, axis=1) for c in batch]
        while time.perf_counter() - start < self._seconds:
            time.sleep(1e-4)
        return Generated(images=images, seconds=time.perf_counter() - start, shape=shape)


def paced_stage(seconds: float, _: Job, scratch: str, __: int) -> GenerateStage:
    """In the place of ``make_generate_stage``."""
    return GenerateStage(partial(PacedGenerator, seconds), scratch)


def measure(folder: Path, rate: float, candidates: int) -> Paced:
    """One run at ``rate`` images a second of the device."""
    folder.mkdir(parents=True)
    rows = "\n".join(f"r{n},a disc" for n in range(candidates // 4))
    (folder / "requests.csv").write_text(f"id,prompt\n{rows}\n")
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "job.yaml").write_text(
        "name: paced\nrequests: requests.csv\nrubric: rubric.yaml\ndeliver: 1\n"
        f"generator: {{model: fake, width: {SIDE}, height: {SIDE}}}\n"
        f"candidates: {{best_of: 4, batch: {BATCH}}}\n"
    )
    seconds = BATCH / rate
    trace = folder / "trace.json"
    pipeline = importlib.import_module("sentinelqa.pipeline.run")
    with patch.object(pipeline, "make_generate_stage", partial(paced_stage, seconds)):
        pipeline.run(load_job(folder / "job.yaml"), out=folder / "run", trace=trace)
    return _read(json.loads(trace.read_text())["traceEvents"], seconds, candidates)


def _read(events: Sequence[dict[str, Any]], seconds: float, candidates: int) -> Paced:
    spans = [e for e in events if e["ph"] == "X"]
    batches = [(e["ts"], e["ts"] + e["dur"]) for e in spans if e["name"] == "generate"]
    begin, end = batches[0][0] / 1e6, batches[-1][1] / 1e6
    last = max(e["ts"] + e["dur"] for e in spans if e["name"] in ("deliver", "ledger")) / 1e6
    busy = candidates / BATCH * seconds
    waits = sorted((b[0] - a[1]) / 1e6 for a, b in itertools.pairwise(batches))
    return Paced(
        efficiency=busy / (end - begin),
        to_the_end=busy / (last - begin),
        candidates=candidates,
        waits=tuple(waits),
    )


def main() -> None:
    """Print one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=10.0, help="images a second")
    parser.add_argument("--candidates", type=int, default=160)
    arguments = parser.parse_args()
    # workers find the stage by the name of its module, which is not __main__ there
    measured = importlib.import_module("benchmarks.paced").measure
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(Path(scratch) / "paced", arguments.rate, arguments.candidates)
    print(
        f"{arguments.rate:g} images/s: {found.efficiency:.3f} of the device's time while it is "
        f"needed, {found.to_the_end:.3f} to the last delivery; median wait "
        f"{1000 * found.waits[len(found.waits) // 2]:.1f} ms, longest "
        f"{1000 * found.waits[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main()
