"""What the pipeline makes of work that failed."""

from __future__ import annotations

import errno

import pytest

from sentinelqa.engines.base import Failed
from sentinelqa.errors import DeviceMemoryError, EngineError, StorageError
from sentinelqa.pipeline.attempts import ATTEMPTS, Attempts
from sentinelqa.types import Candidate, Outcome

ONE = Candidate(id="a", request_id="r")
TWO = Candidate(id="b", request_id="r")


def test_a_full_disk_is_nobodys_fault() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "x.npy")
    with pytest.raises(StorageError, match=r"No space left.*x\.npy"):
        Attempts("scoring").failed(Failed("item", full), [ONE])
    with pytest.raises(StorageError, match="mended"):
        Attempts("scoring").failed(Failed("item", StorageError("to be mended")), [ONE])


def test_a_missing_file_is_the_items_own_trouble() -> None:
    outage = Attempts("scoring").failed(Failed("item", FileNotFoundError(errno.ENOENT, "x")), [ONE])
    assert outage is not None
    assert outage.verdict.outcome is Outcome.ERROR


def test_a_candidate_is_given_up_after_three_workers_the_last_one_alone() -> None:
    attempts = Attempts("generation")
    died = EngineError("the worker was killed by signal 9")
    assert attempts.failed(Failed("batch", died, "died", times=2), [ONE, TWO]) is None
    outage = attempts.failed(Failed("one", died, "died"), [ONE])
    assert outage is not None
    assert outage.verdict.reasons == ("generation failed: died: the worker was killed by signal 9",)


def test_a_candidate_that_hung_twice_may_try_once_more() -> None:
    attempts = Attempts("scoring")
    hung = Failed("item", EngineError("the worker showed no progress and was ended"), "hung")
    answers = [attempts.failed(hung, [ONE]) for _ in range(ATTEMPTS)]
    assert answers[:-1] == [None, None]
    assert answers[-1] is not None


def test_memory_that_ran_out_may_come_back() -> None:
    attempts = Attempts("generation")
    full = Failed("item", DeviceMemoryError("out of memory for one image"))
    answers = [attempts.failed(full, [ONE]) for _ in range(ATTEMPTS)]
    assert answers[:-1] == [None, None]
    assert answers[-1] is not None
