"""The same job again, in another order, on more workers, in other batches: the same pictures.

Pictures, verdicts and selections are compared exactly, measured numbers to five digits: the filters
of OpenCV differ in the last bits of single precision from one place in memory to another, and so
the sixth digit of a metric may now and then.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from harness import CLOCKED, JOB, RUBRIC

import sentinelqa as sq
from sentinelqa import scheduling

pipeline = import_module("sentinelqa.pipeline.run")
COLOURS = ("red", "blue", "green", "teal", "pink", "grey", "brown", "black", "white", "gold")


def write(folder: Path, *, seed: int | None = None, batch: int = 4) -> Path:
    """The job, with its requests shuffled by ``seed``."""
    rows = [f"r{n},{colour}\n" for n, colour in enumerate(COLOURS)]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    folder.mkdir()
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "requests.csv").write_text("".join(["id,colour\n", *rows]))
    job = JOB.replace("batch: 4", f"batch: {batch}")
    (folder / "job.yaml").write_text(job)
    return folder / "job.yaml"


def alike(one: Any, two: Any) -> bool:
    """Whether two values are equal, numbers to five digits."""
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=1e-5, abs_tol=1e-6)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(alike(one[k], two[k]) for k in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(alike, one, two))
    return bool(one == two)


def delivered(job: Path, *, engine: str = "inline") -> dict[str, Any]:
    """Run the job. Returns every delivered file, and the tables in the order of their ids."""
    out = job.parent / "out"
    sq.run(job, out=out, engine=engine)
    folder = out / "delivered"
    files: dict[str, Any] = {
        str(p.relative_to(folder)): json.loads(p.read_text())
        if p.suffix == ".json"
        else p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
    tables = {}
    for name, key in (("candidates", "candidate_id"), ("requests", "request_id")):
        table = pd.read_parquet(out / f"{name}.parquet")
        table = table.drop(columns=list(CLOCKED), errors="ignore").sort_values(key)
        tables[name] = json.loads(table.to_json(orient="records", double_precision=15))
    return files | tables


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = delivered(write(tmp_path_factory.mktemp("determinism") / "job"))
    assert len(found) > 10
    return found


def test_a_rerun_delivers_the_same(tmp_path: Path, expected: dict[str, Any]) -> None:
    assert alike(delivered(write(tmp_path / "job")), expected)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_requests_deliver_the_same(
    tmp_path: Path,
    seed: int,
    expected: dict[str, Any],
    record_property: Callable[[str, object], None],
) -> None:
    found = delivered(write(tmp_path / "job", seed=seed))
    same = sum(alike(found.get(name), content) for name, content in expected.items())
    record_property("files and tables alike, shuffled", f"{same} of {len(expected)}")
    assert alike(found, expected)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_another_batch_size_delivers_the_same_where_pixels_do_not_depend_on_it(
    tmp_path: Path, batch: int, expected: dict[str, Any]
) -> None:
    assert alike(delivered(write(tmp_path / "job", batch=batch)), expected)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.full), 4])
def test_more_workers_deliver_the_same(
    tmp_path: Path, workers: int, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "scoring_workers", lambda: workers)
    assert alike(delivered(write(tmp_path / "job"), engine="local"), expected)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_many_orders_and_batches_deliver_the_same(
    tmp_path: Path, expected: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    differing = 0
    for seed in range(60):
        job = write(tmp_path / f"job-{seed}", seed=seed, batch=1 + seed % 13)
        differing += not alike(delivered(job), expected)
    record_property("files and tables compared per run", len(expected))
    record_property("runs in other orders and batches that differ, of 60", differing)
    assert differing == 0


def test_the_harness_notices_seeds_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = itertools.count()
    monkeypatch.setattr(scheduling, "candidate_seed", lambda *_: next(counter))
    one, two = delivered(write(tmp_path / "one")), delivered(write(tmp_path / "two", seed=1))
    assert not alike(one, two)
