"""How large a report gets, and how much memory it takes to make one."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sentinelqa import images
from sentinelqa.job import load_job
from sentinelqa.pipeline import run as run_job
from sentinelqa.report import write_report
from sentinelqa.report.building import build_report
from sentinelqa.report.overlays import MOST_PICTURES
from sentinelqa.report.parts import ALONE
from sentinelqa.report.thumbnails import BUDGET, Shown, embedded, side_for
from sentinelqa.rundir import RunDir
from tests.report_run import write_run

LIMIT = 25_000_000


def test_what_is_written_of_a_candidate_leaves_room_for_its_picture(tmp_path: Path) -> None:
    """5,000 candidates, the budget of thumbnails, 60 metrics and overlays of 400 portraits."""
    sizes = [
        len(write_report(write_run(tmp_path / str(n), requests=n, pictures=False)).read_bytes())
        for n in (5, 45)
    ]
    each = (sizes[1] - sizes[0]) / (40 * 12)

    metrics, portraits = 5000 * 60 * 7, MOST_PICTURES * 2 * (234 + 32) * 4
    assert sizes[0] + 5000 * each + BUDGET * 4 / 3 + metrics + portraits < LIMIT


def test_noise_does_not_break_the_budget(tmp_path: Path) -> None:
    """Pictures that no codec makes small get fewer pixels; none stays out."""
    rng = np.random.default_rng(0)
    run = RunDir(tmp_path)
    paths = []
    for number in range(40):
        noise = rng.integers(0, 255, (400, 400, 3), np.uint8)
        (tmp_path / f"{number}.png").write_bytes(images.encode_fast(noise))
        paths.append(f"{number}.png")

    made = list(embedded(run, [Shown(p, p) for p in paths], budget=120_000))

    assert sum(map(len, made)) <= 120_000 * 4 / 3 + 100 * len(made)
    assert all(made)


def test_memory_grows_slowly_with_candidates(tmp_path: Path) -> None:
    """At most 12 kB a candidate, so 20,000 candidates, the most on a page, fit in 240 MB."""
    peaks = []
    for requests in (20, 120):
        folder = write_run(tmp_path / str(requests), requests=requests, pictures=False)
        tracemalloc.start()
        write_report(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert (peaks[1] - peaks[0]) / (100 * 12) < 12_000


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_a_run_of_five_thousand_candidates_keeps_to_the_limit(tmp_path: Path) -> None:
    """A real run of the fake generator; every candidate has its picture in one file."""
    (tmp_path / "rubric.yaml").write_text(
        "name: large\nversion: 1\ntiers:\n  generic:\n    artifacts: {min: 0.01}\n"
        "    sharpness: {min: 0.01}\n  use_case:\n    framing:\n      - {min: 0.01}\n"
        "      - {metric: fill, between: [0.01, 1.0]}\n    background: {min: 0.01}\n"
    )
    rows = [f"disc-{number},red" for number in range(250)]
    (tmp_path / "requests.csv").write_text("\n".join(["id,colour", *rows]) + "\n")
    (tmp_path / "job.yaml").write_text(
        'name: large\nrequests: requests.csv\nprompt: "a {colour} disc"\n'
        "generator: {model: fake, width: 160, height: 160, steps: 4}\nrubric: rubric.yaml\n"
        "deliver: 20\ncandidates: {first: 20, max: 20, batch: 20}\nretry: {rounds: 1}\nseed: 3\n"
    )
    run = tmp_path / "run"
    run_job(load_job(tmp_path / "job.yaml"), out=run, full=True)

    tracemalloc.start()
    (page,) = build_report(run)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert page.headline.candidates == ALONE == 5000
    assert all(page.thumbnails)
    assert side_for(5000) >= 112
    assert (run / "report.html").stat().st_size <= LIMIT
    assert peak < 150e6  # bytes; the pictures are a fifth of them
