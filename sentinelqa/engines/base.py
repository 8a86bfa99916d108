"""Where work runs. An engine knows nothing of images; the pipeline knows nothing of processes.

A :class:`Stage` is the work, built inside the worker. A :class:`Pool` is a stage on some workers.
Results come back by value, so a stage returns paths and small values, never pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self


class Stage(Protocol):
    """Work that a worker does for one item at a time. ``load`` is called once per worker.

    ``run`` returns a value, or a :class:`sentinelqa.deferred.Deferred` one.
    """

    def load(self) -> None: ...

    def run(self, item: Any) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """How a worker builds its stage. Picklable: ``make`` is a module-level callable or partial.

    Attributes:
        workers: how many run at once.
        deadline: seconds without a sign of progress after which a worker is killed; 0 means no
            limit. A stage that works long on one item says
            :func:`sentinelqa.heartbeat.progress` after each piece of it.
    """

    name: str
    make: Callable[[], Stage]
    workers: int = 1
    deadline: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """An item that was worked."""

    item: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that could not be worked: it raised, or it alone killed or hung its worker.

    Attributes:
        kind: ``raised``, ``died``, ``hung`` or ``not_loaded`` (the stage itself did not load).
        times: how often it was begun since it was submitted.
    """

    item: Any
    error: BaseException
    kind: str = "raised"
    times: int = 1


class Pool(Protocol):
    """One stage on its workers."""

    @property
    def name(self) -> str: ...

    @property
    def free(self) -> int:
        """How many items may be submitted now. At most twice the workers are in flight."""
        ...

    @property
    def pending(self) -> int:
        """Items submitted whose result has not been handed out."""
        ...

    def submit(self, item: Any, *, alone: bool = False) -> None:
        """Take an item; ``alone`` when it is suspected of killing its worker, so that it is begun
        only when nothing else is in flight here, and is to blame at once."""
        ...


class Engine(Protocol):
    """Starts pools and waits on them. A context manager: leaving it ends every worker.

    A worker that dies loses no other item: those in flight with it are asked again one at a
    time, and only the item that kills its worker alone is :class:`Failed`.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def pool(self, spec: StageSpec) -> Pool: ...

    def wait(
        self, pools: Sequence[Pool], timeout: float | None = None
    ) -> list[tuple[Pool, Done | Failed]]:
        """Results of any of ``pools``, as soon as there is at least one; empty on time-out."""
        ...


def map_stage(engine: Engine, spec: StageSpec, items: Iterable[Any]) -> Iterator[Done | Failed]:
    """Run one stage over ``items``, pulled lazily, results in order of completion."""
    pool = engine.pool(spec)
    source = iter(items)
    exhausted = False
    while True:
        while not exhausted and pool.free:
            try:
                pool.submit(next(source))
            except StopIteration:
                exhausted = True
        if exhausted and not pool.pending:
            return
        for _, result in engine.wait([pool]):
            yield result
