"""A limit on the memory that this process may gain for a while.

It is the kernel's limit on a process's own data (``RLIMIT_DATA``), set relative to what the process
has already. A limit on the address space would not do: libraries for accelerators reserve hundreds
of times what they use. An allocation beyond it fails as it does on a machine that has no more
memory, so a decoder raises instead of taking the machine with it. Setting it costs about 30
microseconds.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = "/proc/self/statm"
_DATA_FIELD = 5


class _Window:
    """The limit of the process. Threads share it, so the last one to leave takes it away."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def enter(self, extra: int) -> None:
        with self._lock:
            if not self._inside:
                self._before = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
                limit = used_data() + extra
                known = [v for v in (limit, soft, hard) if v != resource.RLIM_INFINITY]
                resource.setrlimit(resource.RLIMIT_DATA, (min(known), hard))
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                resource.setrlimit(resource.RLIMIT_DATA, self._before)


_WINDOW = _Window()


@contextmanager
def limited_memory(extra: int) -> Iterator[None]:
    """Let this process gain at most ``extra`` bytes inside the block; beyond that allocations fail.

    The first of several threads inside sets the limit for all of them.
    """
    _WINDOW.enter(extra)
    try:
        yield
    finally:
        _WINDOW.leave()


def used_data() -> int:
    """Bytes of data and stack of this process, as the kernel counts them against the limit."""
    descriptor = os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 256).split()[_DATA_FIELD]) * _PAGE
    finally:
        os.close(descriptor)
