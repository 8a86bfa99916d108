"""The engine of one machine: worker processes under a supervisor that outlives all of them.

A worker has at most two items, the one it works on and the next. When it dies, the item it was
working on is a suspect; what it had not begun is simply given to others. Suspects are asked again
alone, with nothing else of the pool in flight, because a kernel that is out of memory kills
whichever process it likes; only the item whose worker dies again then is to blame.
"""

from __future__ import annotations

import math
import pickle
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Self

from sentinelqa.engines.base import Done, Failed, Pool, StageSpec
from sentinelqa.engines.process import Entry, Watch, Worker
from sentinelqa.errors import EngineError

FAILED_LOADS = 3
"""A stage whose workers die so often in a row while loading does not load."""


class LocalPool:
    """One stage on worker processes. See :class:`sentinelqa.engines.base.Pool`."""

    def __init__(self, spec: StageSpec) -> None:
        self._spec = spec
        self._waiting: deque[Entry] = deque()
        self._suspects: deque[Entry] = deque()
        self._accused: Entry | None = None
        self._failed_loads = 0
        self._results: deque[Done | Failed] = deque()
        self._broken: BaseException | None = None
        self.workers = [Worker(spec) for _ in range(spec.workers)]

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def free(self) -> int:
        return max(0, 2 * self._spec.workers - self.pending)

    @property
    def pending(self) -> int:
        return len(self._waiting) + len(self._suspects) + len(self._results) + self._in_flight

    @property
    def _in_flight(self) -> int:
        return sum(len(w.items) for w in self.workers)

    def submit(self, item: Any, *, alone: bool = False) -> None:
        """Take an item; it is sent to a worker at once where one has room."""
        try:
            content = pickle.dumps(item)
        except Exception as error:  # noqa: BLE001 - pickling runs arbitrary code
            self._results.append(Failed(item, EngineError(f"the item cannot be sent: {error}")))
            return
        (self._suspects if alone else self._waiting).append(Entry(item, content))
        self.dispatch()

    def dispatch(self) -> None:
        """Give waiting items to workers that have room."""
        if self._broken is not None:
            self._fail_everything(self._broken)
            return
        if self._suspects:
            if not self._in_flight:
                self._ask_alone()
            return
        if self._accused is not None:
            return
        for worker in sorted(self.workers, key=lambda w: len(w.items)):
            while self._waiting and worker.room_for(self._waiting[0].content):
                worker.send(self._waiting.popleft())

    def collect(self) -> list[Done | Failed]:
        """Take the results there are."""
        results = list(self._results)
        self._results.clear()
        return results

    @property
    def has_results(self) -> bool:
        """Whether ``collect`` would give anything."""
        return bool(self._results)

    def listen(self, news: frozenset[int]) -> None:
        """Take in what workers say, notice who died and who is overdue, and go on.

        Args:
            news: descriptors of workers that became readable.
        """
        ended = []
        for worker in self.workers:
            if news.intersection(worker.descriptors):
                for kind, value in worker.receive():
                    self._heard(worker, kind, value)
                if worker.exit_code is not None:
                    ended.append(worker)
            worker.check()
        for worker in ended:
            for kind, value in worker.receive():
                self._heard(worker, kind, value)
            self._buried(worker)
        self.dispatch()

    def _heard(self, worker: Worker, kind: str, value: Any) -> None:
        if kind == "ready":
            self._failed_loads = 0
        elif kind == "not_loaded":
            self._broken = value
        elif kind in ("done", "raised"):
            entry = worker.items.popleft()
            self._accused = None
            item, times = entry.item, entry.deaths + 1
            self._results.append(
                Done(item, value) if kind == "done" else Failed(item, value, times=times)
            )

    def _buried(self, worker: Worker) -> None:
        """A worker is gone: find out whether that is somebody's fault, and start another."""
        worker.reap()
        self.workers.remove(worker)
        how = _end_of(worker)
        if not worker.ready:
            self._failed_loads += 1
            if self._failed_loads >= FAILED_LOADS and self._broken is None:
                self._broken = EngineError(f"stage {self.name!r}: the worker {how} while loading")
        elif worker.items:
            self._blame(worker.items.popleft(), how, hung=worker.hung)
        if self._accused is not None and self._accused in worker.items:
            self._suspects.appendleft(self._accused)
            worker.items.remove(self._accused)
            self._accused = None
        self._waiting.extendleft(reversed(worker.items))
        worker.items.clear()
        if self._broken is None:
            self.workers.append(Worker(self._spec))

    def _blame(self, begun: Entry, how: str, *, hung: bool) -> None:
        """What was being worked on when its worker ended: at fault, or to be asked alone."""
        begun.deaths += 1
        if not hung and begun is not self._accused:
            self._suspects.append(begun)
            return
        self._accused = None
        error = EngineError(f"stage {self.name!r}: the worker {how}")
        kind = "hung" if hung else "died"
        self._results.append(Failed(begun.item, error, kind, begun.deaths))

    def _ask_alone(self) -> None:
        worker = self.workers[0]
        if worker.room_for(self._suspects[0].content):
            entry = self._suspects.popleft()
            self._accused = entry
            worker.send(entry)

    def _fail_everything(self, error: BaseException) -> None:
        for entry in (*self._suspects, *self._waiting):
            self._results.append(Failed(entry.item, error, kind="not_loaded"))
        self._suspects.clear()
        self._waiting.clear()


class LocalEngine:
    """Runs stages in processes of this machine. See :class:`sentinelqa.engines.base.Engine`."""

    def __init__(self) -> None:
        self._pools: list[LocalPool] = []
        self._watch = Watch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        workers = [w for pool in self._pools for w in pool.workers]
        self._pools.clear()
        for worker in workers:
            worker.stop(leaving=True)
        left = list(workers)
        while left:
            self._watch.wait([w.pidfd for w in left], _due(left))
            for worker in left:
                worker.check()
            left = [w for w in left if w.exit_code is None]
        for worker in workers:
            worker.reap()

    def pool(self, spec: StageSpec) -> LocalPool:
        """Start the workers of a stage; they load at once."""
        pool = LocalPool(spec)
        self._pools.append(pool)
        return pool

    def wait(
        self, pools: Sequence[Pool], timeout: float | None = None
    ) -> list[tuple[Pool, Done | Failed]]:
        """Sleep until one of ``pools`` has a result; workers of all pools are looked after."""
        asked = [p for p in self._pools if any(p is q for q in pools)]
        end = math.inf if timeout is None else time.monotonic() + timeout
        while any(p.pending for p in asked):
            self._listen(0.0 if any(p.has_results for p in asked) else end)
            results: list[tuple[Pool, Done | Failed]] = [
                (p, result) for p in asked for result in p.collect()
            ]
            if results or time.monotonic() >= end:
                return results
        return []

    def _listen(self, until: float) -> None:
        """Wait for news of any pool, or for somebody to be overdue, and look after all of them."""
        workers = [w for pool in self._pools for w in pool.workers]
        descriptors = [one for w in workers for one in w.descriptors]
        news = self._watch.wait(descriptors, min(until, _due(workers)))
        for pool in self._pools:
            pool.listen(news)


def _due(workers: Iterable[Worker]) -> float:
    """When the first of the workers must be looked at, on the monotonic clock."""
    return min((w.due for w in workers), default=math.inf)


def _end_of(worker: Worker) -> str:
    code = worker.exit_code
    if worker.hung:
        return "showed no progress and was ended"
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"exited with code {code}"
