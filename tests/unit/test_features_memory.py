"""The limit on what decoding may allocate: it holds, it is per block, and it goes away."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features import decoding
from sentinelqa.features.memory import limited_memory, used_data
from sentinelqa.features.pixels import decode

MB = 2**20


def test_an_allocation_beyond_the_limit_fails_and_the_limit_goes_away() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limited_memory(64 * MB):
        assert len(bytearray(32 * MB)) == 32 * MB
        with pytest.raises(MemoryError):
            bytearray(96 * MB)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(96 * MB)) == 96 * MB


def test_threads_that_overlap_leave_no_limit_behind() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    together = Barrier(4, timeout=20)

    def inside(_: int) -> None:
        with limited_memory(64 * MB):
            together.wait()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(inside, range(4)))
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_lower_limit_of_the_user_stands() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    own = used_data() + 16 * MB
    resource.setrlimit(resource.RLIMIT_DATA, (own, hard))
    try:
        with limited_memory(64 * MB):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == own
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def test_an_image_that_needs_too_much_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(path, compress_level=1)
    assert decode(str(path)).width == 4000
    monkeypatch.setattr(decoding, "MAX_MEMORY", 32 * MB)
    with pytest.raises(ScoringError, match=r"^too_much_memory: .* more than 32 MB: "):
        decode(str(path))
