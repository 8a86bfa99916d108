"""Workers that hang, die, or cannot be stopped: one item is to blame, and the run goes on."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from harness import descendants, install_hostile

import sentinelqa as sq
from sentinelqa import fsck
from sentinelqa.engines import process
from sentinelqa.engines.base import Failed, StageSpec, map_stage
from sentinelqa.engines.local import LocalEngine
from sentinelqa.generators.stage import GenerateItem
from sentinelqa.pipeline import attempts, loop

pipeline = import_module("sentinelqa.pipeline.run")

RUBRIC = """\
name: hostile
version: 1
tiers:
  generic:
    hostile: {min: 0.5}
"""
JOB = """\
name: hostile
requests: requests.csv
prompt: "a disc"
generator: {model: hostile, width: 32, height: 32, steps: 4}
rubric: rubric.yaml
deliver: 1
candidates: {best_of: 1, batch: 4}
seed: 3
"""
REQUESTS = 12
DEADLINE = 3.0
MOST = 3
"""Times that a candidate may be begun before it is given up."""

Deeds = Mapping[str, Mapping[str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A job on the hostile plug-in, which is installed for this process and its workers."""
    site = tmp_path / "site"
    install_hostile(site)
    monkeypatch.syspath_prepend(str(site))
    for table in (sq.registry.generators, sq.registry.dimensions):
        table.__dict__.pop("_plugins", None)
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    (tmp_path / "job.yaml").write_text(JOB)
    ids = "".join(f"r{n}\n" for n in range(REQUESTS))
    (tmp_path / "requests.csv").write_text(f"id\n{ids}")
    monkeypatch.setenv("HOSTILE", str(tmp_path / "deeds.json"))
    monkeypatch.setattr(pipeline, "GENERATE_DEADLINE", DEADLINE)
    monkeypatch.setattr(pipeline, "SCORE_DEADLINE", DEADLINE)
    yield tmp_path
    sys.modules.pop("hostile", None)
    for table in (sq.registry.generators, sq.registry.dimensions):
        table.__dict__.pop("_plugins", None)


def broken(folder: Path, deeds: Deeds) -> list[str]:
    """Run the job with these deeds. Returns which promises were broken."""
    (folder / "deeds.json").write_text(json.dumps({"generation": {}, "scoring": {}} | dict(deeds)))
    with lifetimes(folder / "deeds.begun") as lives:
        run = sq.run(folder / "job.yaml", out=folder / "out")
    poison = {r: (stage, deed) for stage in deeds for r, deed in deeds[stage].items()}
    wrong = [f"{p} is left" for p in descendants("HOSTILE", folder / "deeds.json")]
    wrong += [str(p) for p in fsck.check(folder / "out") if not p.harmless]
    wrong += _wrong_outcomes(run, poison)
    for (request, stage), times in begun(folder / "deeds.begun").items():
        if times > MOST:
            wrong.append(f"{request} was begun {times} times in {stage}")
    for request, lived in lives.items():
        if poison.get(request, ("", ""))[1] in ("hang", "ignore", "breed"):
            late = lived - DEADLINE - process.GRACE
            if late > 3:
                wrong.append(f"the worker of {request} ended {late:.1f} s after it was due")
    return wrong


def _wrong_outcomes(run: sq.Run, poison: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    rows = {row.request_id: row for row in run.candidates.itertuples()}
    if len(rows) != REQUESTS:
        yield f"{len(rows)} candidates are recorded"
    for request, row in rows.items():
        stage, deed = poison.get(request, ("", ""))
        if deed in HARMLESS or not stage:
            if row.outcome != "pass" or row.delivered != 1:
                yield f"{request} did nothing, and is {row.outcome}: {row.reasons}"
        elif row.outcome != "error" or SAID[deed] not in row.reasons or stage not in row.reasons:
            yield f"{request} did {deed}, and is {row.outcome}: {row.reasons}"


HARMLESS = ("shout", "die_once", "be_too_big_once")
SAID = {
    "hang": "no progress",
    "ignore": "no progress",
    "breed": "no progress",
    "segfault": "signal 11",
    "be_killed": "signal 9",
    "leave": "code 7",
    "gobble": "MemoryError",
    "be_too_big": "out of memory for one",
}
"""What the reason of each deed says."""


def begun(log: Path) -> Counter[tuple[str, str]]:
    """How often each request's candidate was begun, by stage."""
    lines = (line.split() for line in log.read_text().splitlines())
    return Counter((request, stage) for stage, request, *_ in lines)


@contextmanager
def lifetimes(log: Path) -> Iterator[dict[str, float]]:
    """Request -> the longest that a worker lived after it began its candidate, seconds."""
    done = threading.Event()
    lives: dict[str, float] = {}

    def watch() -> None:
        while not done.wait(0.1):
            lines = log.read_text().splitlines() if log.exists() else []
            # a worker that goes on to others has got past what it began before
            last = {line.split()[2]: line.split() for line in lines}
            for pid, (_, request, _, since) in last.items():
                if Path(f"/proc/{pid}").exists():
                    lived = time.monotonic() - float(since)
                    lives[request] = max(lived, lives.get(request, 0.0))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lives
    finally:
        done.set()
        thread.join()


@pytest.mark.slow
def test_what_misbehaves_is_given_up_and_the_rest_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 1.0)
    generation = {"r1": "segfault", "r6": "ignore", "r9": "be_too_big", "r11": "be_too_big_once"}
    assert broken(folder, {"generation": generation, "scoring": {"r3": "leave"}}) == []


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", ["generation", "scoring"])
def test_every_deed_in_every_stage(
    folder: Path,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(pipeline, "scoring_workers", lambda: 2)
    names = ["segfault", "leave", "be_killed", "hang", "ignore", "breed", "shout", "die_once"]
    if stage == "generation":
        names += ["gobble", "be_too_big", "be_too_big_once"]
    wrong = broken(folder, {stage: {f"r{n}": deed for n, deed in enumerate(names)}})
    most = max(begun(folder / "deeds.begun").values())
    record_property(f"kinds of misbehaviour in {stage}", len(names))
    record_property(f"most times that a candidate was begun in {stage}", most)
    assert wrong == []


@pytest.mark.slow
def test_the_harness_notices_attempts_that_are_not_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "ATTEMPTS", 5)
    wrong = broken(folder, {"generation": {"r1": "leave"}})
    assert wrong == ["r1 was begun 5 times in generation"]


@pytest.mark.slow
def test_the_harness_notices_a_batch_that_is_blamed_for_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everybody(self: loop.Loop, item: GenerateItem, failed: Failed) -> None:
        outages = [self._generation.outage(c, str(failed.error)) for c in item.candidates]
        self._results.extend(outages)

    monkeypatch.setattr(loop.Loop, "_generation_failed", everybody)
    wrong = broken(folder, {"generation": {"r1": "leave"}})
    assert sum("did nothing, and is error" in w for w in wrong) == 3


class Breeding:
    """A stage whose worker starts a child and hangs."""

    def load(self) -> None: ...

    def run(self, item: str) -> None:
        import hostile

        hostile.breed()


@pytest.mark.parametrize("group", [True, False])
def test_what_a_worker_started_ends_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, group: bool
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.5)
    if not group:
        # the mutant: only the worker itself is killed
        monkeypatch.setattr("sentinelqa.engines.process.os.killpg", process.os.kill)
    spec = StageSpec(name="breeding", make=Breeding, deadline=1.0)
    with LocalEngine() as engine:
        (failed,) = map_stage(engine, spec, ["x"])
    left = descendants("HOSTILE", folder / "deeds.json")
    assert getattr(failed, "kind", "") == "hung"
    assert bool(left) == (not group)
    for process_left in left:
        process.os.kill(int(process_left.split()[1]), 9)
