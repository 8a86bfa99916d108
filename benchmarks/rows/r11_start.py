"""How long nothing has happened yet: the help, and the first image after the models."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from benchmarks.base import Bench, Row, at_most
from benchmarks.material import photographs, write_jpeg

_FIRST = """
import sys, time
start = time.perf_counter()
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Request
stage = ScoreStage(ScorePlan(rubric=load_rubric("smoke")))
stage.load()
loaded = time.perf_counter() - start
path = sys.argv[1]
request = Request(id="r", prompt="a cup of coffee")
stage.run([ScoreItem(candidate=Candidate(id="c", request_id="r", path=path), request=request,
                     path=path)])
print(loaded, time.perf_counter() - start)
"""


def measure(bench: Bench) -> list[Row]:
    """Each in processes of their own."""
    times = bench.pick(full=9, quick=2)
    help_seconds = median(
        _seconds([sys.executable, "-m", "sentinelqa", "--help"])[0] for _ in range(times)
    )
    bare = median(_seconds([sys.executable, "-c", "pass"])[0] for _ in range(times))
    folder = write_jpeg(bench.scratch / "images", photographs(1, 512))
    first = [sys.executable, "-c", _FIRST, str(next(folder.iterdir()))]
    pairs = [tuple(map(float, _seconds(first)[1].split())) for _ in range(bench.pick(3, 1))]
    return [
        Row(
            number=11,
            name="sentinelqa --help",
            goal=at_most(0.3),
            reached=help_seconds,
            limit=bare,
            unit="s",
            detail=f"Median of {times}; the limit is Python that does nothing.",
            gap="Importing click.",
        ),
        Row(
            number=11,
            name="first image scored over loading the models",
            goal=at_most(1.5),
            reached=median(whole / loaded for loaded, whole in pairs),
            limit=1.0,
            detail=f"Rubric smoke, one photograph of 512 x 512 pixels; loading took "
            f"{median(loaded for loaded, _ in pairs):.1f} s, imports included.",
            gap="The first prompt and its contrasts are encoded with the first image.",
        ),
    ]


def _seconds(command: list[str]) -> tuple[float, str]:
    start = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, ended.stdout
