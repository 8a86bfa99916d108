"""``run``, as a user: a job in, a run directory out, whatever happens in between."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import sentinelqa as sq
from sentinelqa.errors import JobError
from sentinelqa.images import sha256_of_file
from sentinelqa.ledger import Ledger
from tests.finished import deliverables, killed, table


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sentinelqa", "run", "job.yaml", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_job_becomes_a_run_directory(folder: Path) -> None:
    finished = run(folder, "--json")
    assert finished.returncode < 2, finished.stderr

    headline = json.loads(finished.stdout.splitlines()[-1])
    path = folder / headline["run"]
    assert finished.returncode == (0 if headline["requests"]["delivered"] == 6 else 1)
    assert headline["delivered"] > 0
    assert {p.name for p in path.iterdir()} >= {
        "job.yaml",
        "rubric.yaml",
        "ledger.sqlite",
        "images",
        "delivered",
        "candidates.parquet",
        "candidates.csv",
        "requests.parquet",
        "requests.csv",
        "pooling.json",
        "report.html",
        "run.log",
    }
    candidates = pd.read_parquet(path / "candidates.parquet")
    assert set(candidates["outcome"]) == {"pass", "fail"}
    assert not (path / "tmp").exists() or not any((path / "tmp").iterdir())


def test_what_is_delivered_passed_and_carries_its_evidence(folder: Path) -> None:
    finished = sq.run(folder / "job.yaml", out=folder / "out")
    candidates = finished.candidates.set_index("candidate_id")

    sidecars = sorted((folder / "out/delivered").rglob("*.json"))
    assert sidecars
    for sidecar in sidecars:
        evidence = json.loads(sidecar.read_text())
        row = candidates.loc[evidence["candidate"]["id"]]
        assert row["outcome"] == "pass"
        assert row["delivered"] == evidence["place"]
        assert evidence["sha256"] == sha256_of_file(sidecar.with_suffix(".png"))
        assert evidence["candidate"]["seed"] == row["seed"]
        assert {m["dimension"] for m in evidence["measurements"]} == {"artifacts", "sharpness"}
    assert candidates["delivered"].notna().sum() == len(sidecars)


def test_the_price_of_stopping_early_is_in_the_table_and_the_summary(folder: Path) -> None:
    rubric = folder / "rubric.yaml"
    rubric.write_text(rubric.read_text().replace("0.955", "0.999"))
    job = folder / "job.yaml"
    job.write_text(job.read_text().replace("max: 16", "max: 40").replace("rounds: 3", "rounds: 9"))

    finished = sq.run(job, out=folder / "out", engine="inline")

    requests, said = finished.requests, finished.as_dict()["given_up"]
    assert (requests["candidates"] + requests["unused"] == 40).all()
    assert requests["chance"].between(0, 0.05).all()
    assert said["requests"] == 6
    assert said["candidates"] == 240 - len(finished.candidates)
    assert said["would_have_filled"] == pytest.approx(requests["chance"].sum(), abs=0.001)


def test_running_again_changes_nothing(folder: Path) -> None:
    sq.run(folder / "job.yaml", out=folder / "out")
    before = deliverables(folder / "out")
    candidates = pd.read_parquet(folder / "out/candidates.parquet")

    sq.run(folder / "job.yaml", out=folder / "out")

    assert deliverables(folder / "out") == before
    assert pd.read_parquet(folder / "out/candidates.parquet").equals(candidates)


def test_a_second_process_leaves_the_run_of_the_first_alone(folder: Path) -> None:
    sq.run(folder / "job.yaml", out=folder / "out", engine="inline")
    on_its_way = folder / "out/tmp/c1.10us-4-4.npy"
    with Ledger.open(folder / "out/ledger.sqlite"):
        on_its_way.parent.mkdir()
        on_its_way.touch()
        refused = run(folder, "--out", "out")
    assert refused.returncode == 2
    assert "another process" in refused.stderr
    assert on_its_way.exists()


def test_another_directory_gives_equal_bytes(folder: Path) -> None:
    sq.run(folder / "job.yaml", out=folder / "one")
    sq.run(folder / "job.yaml", out=folder / "two", engine="inline")

    assert deliverables(folder / "one") == deliverables(folder / "two")
    assert table(folder / "one", "candidates").equals(table(folder / "two", "candidates"))
    assert table(folder / "one", "requests").equals(table(folder / "two", "requests"))


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_the_same(folder: Path) -> None:
    sq.run(folder / "job.yaml", out=folder / "unkilled")
    rng = random.Random(3)
    finished = killed(folder, [rng.uniform(0.5, 4.0) for _ in range(6)])

    assert finished.returncode in (0, 1), finished.stderr
    assert deliverables(folder / "killed") == deliverables(folder / "unkilled")
    for name in ("candidates", "requests"):
        assert table(folder / "killed", name).equals(table(folder / "unkilled", name))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_soon_and_safely(folder: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sentinelqa", "run", "job.yaml", "--out", "out"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        # tests that a shell runs in the background ignore SIGINT, and children inherit that
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not (folder / "out/tmp").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(how)
    start = time.monotonic()
    _, errors = process.communicate(timeout=30)

    assert time.monotonic() - start < 15
    assert process.returncode == 130
    assert "goes on" in errors
    assert run(folder, "--out", "out").returncode in (0, 1)


def test_a_job_that_changed_is_refused_with_the_difference(folder: Path) -> None:
    sq.run(folder / "job.yaml", out=folder / "out")
    job = folder / "job.yaml"
    job.write_text(job.read_text().replace("seed: 11", "seed: 12"))

    with pytest.raises(JobError) as caught:
        sq.run(job, out=folder / "out")

    assert "-seed: 11" in str(caught.value)
    assert "+seed: 12" in str(caught.value)
    fresh = sq.run(job, out=folder / "out", fresh_start=True)
    assert fresh.path == folder / "out-2"


def test_rejects_become_thumbnails_when_only_the_delivered_are_kept(folder: Path) -> None:
    job = folder / "job.yaml"
    job.write_text(job.read_text() + "keep: delivered\n")

    finished = sq.run(job, out=folder / "out")

    candidates = finished.candidates
    rejected = candidates[candidates["delivered"].isna()]
    kept = candidates[candidates["delivered"].notna()]
    assert all((folder / "out" / p).is_file() for p in kept["path"])
    for row in rejected.itertuples():
        small = folder / "out/thumbnails" / str(row.candidate_id)[:2] / f"{row.candidate_id}.webp"
        assert small.is_file()
        assert not (folder / "out" / str(row.path)).exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("requests.csv", "disc-1,", "disc-0,", "used before"),
        ("requests.csv", "disc-1,", "../disc,", "contains '/'"),
        ("requests.csv", "id,colour", "id,color", "did you mean 'color'"),
        ("job.yaml", "deliver: 2", "deliver: 99", "wants 99 images"),
        ("job.yaml", "rubric: rubric.yaml", "rubric: catalogue", "did you mean 'catalog'"),
        ("job.yaml", "model: fake", "model: no-such-model", "unknown model"),
        ("rubric.yaml", "sharpness: {min", "sharpnes: {min", "did you mean 'sharpness'"),
    ],
)
def test_what_can_be_mended_is_said_before_anything_starts(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    path = folder / file
    path.write_text(path.read_text().replace(old, new))

    finished = run(folder)

    assert finished.returncode == 2
    assert message in finished.stderr
    assert not (folder / "runs").exists()


def test_a_dry_run_prints_the_plan_and_starts_nothing(folder: Path) -> None:
    finished = run(folder, "--dry-run")

    assert finished.returncode == 0, finished.stderr
    assert "6, 12 images wanted" in finished.stdout
    assert "24 if first rounds are enough, at most 96" in finished.stdout
    assert not (folder / "runs").exists()
