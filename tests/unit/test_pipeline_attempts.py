"""What the pipeline makes of work that failed."""

from __future__ import annotations

import errno

import pytest

from sentinelqa.engines.base import Failed
from sentinelqa.errors import EngineError, StorageError
from sentinelqa.pipeline.attempts import ATTEMPTS, Attempts
from sentinelqa.types import Candidate, Outcome

ONE = Candidate(id="a", request_id="r")


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


def test_an_item_that_kills_its_worker_alone_is_given_up_after_three_attempts() -> None:
    attempts = Attempts("generation")
    died = Failed("item", EngineError("the worker was killed by signal 9"), "died")
    answers = [attempts.failed(died, [ONE]) for _ in range(ATTEMPTS)]
    assert answers[:-1] == [None, None]
    assert answers[-1] is not None
    assert answers[-1].verdict.reasons == (
        "generation failed: died: the worker was killed by signal 9",
    )
