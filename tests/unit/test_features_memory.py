"""The limit on what decoding may allocate: it holds, it is per block, and it goes away."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from sentinelqa.features.memory import limited_memory, used_data

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


DECODE = """\
import sys
from sentinelqa.errors import ScoringError
from sentinelqa.features import decoding
from sentinelqa.features.pixels import decode
decoding.MAX_MEMORY = int(sys.argv[2]) * 2**20
try:
    print(decode(sys.argv[1]).width)
except ScoringError as error:
    print(error)
"""


def test_an_image_that_needs_too_much_has_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(path, compress_level=1)

    # a process of its own, which has no freed memory to use again
    said = {
        room: subprocess.run(
            [sys.executable, "-c", DECODE, str(path), room],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for room in ("480", "32")
    }

    assert said["480"].strip() == "4000"
    assert re.match("too_much_memory: .* more than 32 MB: ", said["32"])
