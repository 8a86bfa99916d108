"""Readers as people have them: processes that look at a run once a second, and their patience.

A read takes the time that it spends in the ledger and the time that it waits for a processor, which
is the machine's affair. The kernel tells the two apart (``/proc/thread-self/schedstat``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles

from sentinelqa.ledger import LedgerReader

EVERY = 1.0
"""Seconds between the looks of one reader."""
SHOWN = 100
"""Candidates that a reader looks at, with all that was measured of them."""
NAP = 0.05
"""Seconds that a process sleeps which wants nothing but to wake up."""
_SCHEDULE = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one look took, in seconds.

    Attributes:
        waited: of ``seconds``, without a processor though ready to go on; 0 where the kernel does
            not say.
    """

    seconds: float
    waited: float


@dataclass(slots=True)
class Polled:
    """What the readers say, once they have left."""

    reads: list[Taken]
    naps: list[Taken]
    exit_codes: list[int | None]


def percentile(values: list[float], which: int = 99) -> float:
    """In milliseconds."""
    return 1000 * quantiles(values, n=100, method="inclusive")[which - 1]


@contextmanager
def polling(path: Path, count: int) -> Iterator[Polled]:
    """Let ``count`` processes look at the ledger, and one nap, from the time when all have begun
    until the end of the block."""
    spawn = get_context("spawn")
    leave = spawn.Event()
    reads: Queue[Taken | None] = spawn.Queue()
    naps: Queue[Taken | None] = spawn.Queue()
    processes = [spawn.Process(target=_read, args=(path, leave, reads)) for _ in range(count)]
    processes.append(spawn.Process(target=_nap, args=(leave, naps)))
    for process in processes:
        process.start()
    for _ in range(count):
        # the first answer of each is the end of its start
        reads.get(timeout=120)
    polled = Polled([], [], [])
    try:
        yield polled
    finally:
        leave.set()
        polled.reads.extend(_until_all_left(reads, count))
        polled.naps.extend(_until_all_left(naps, 1))
        for process in processes:
            process.join()
        polled.exit_codes.extend(process.exitcode for process in processes)


def _until_all_left(queue: Queue[Taken | None], count: int) -> Iterator[Taken]:
    while count:
        taken = queue.get(timeout=120)
        if taken is None:
            count -= 1
        else:
            yield taken


def _read(path: Path, leave: Event, reads: Queue[Taken | None]) -> None:
    def look() -> None:
        with LedgerReader.open(path) as reader:
            shown = sum(1 for _ in islice(reader.candidates(), SHOWN))
        assert shown == SHOWN

    try:
        reads.put(_timed(look))
        # not all at once
        pause = random.random() * EVERY
        while not leave.wait(pause):
            taken = _timed(look)
            reads.put(taken)
            pause = max(0.0, EVERY - taken.seconds)
    finally:
        reads.put(None)


def _nap(leave: Event, naps: Queue[Taken | None]) -> None:
    while not leave.is_set():
        naps.put(_timed(lambda: time.sleep(NAP)))
    naps.put(None)


def _timed(work: Callable[[], object]) -> Taken:
    start, waited = time.monotonic(), _waited()
    work()
    return Taken(time.monotonic() - start, _waited() - waited)


def _waited() -> float:
    """Seconds that this thread has been ready to run, and had no processor."""
    if not _SCHEDULE.exists():
        return 0.0
    return int(_SCHEDULE.read_text().split()[1]) / 1e9
