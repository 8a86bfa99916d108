"""The engine without processes: everything runs in the caller, one item at a time.

For tests, debugging and notebooks. Nothing can be killed here, so deadlines do not apply and an
item that ends the process ends the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Self

from sentinelqa.deferred import value_of
from sentinelqa.engines.base import Done, Failed, Pool, Stage, StageSpec


class InlinePool:
    """A stage that is loaded when its first item is worked. See
    :class:`sentinelqa.engines.base.Pool`."""

    def __init__(self, spec: StageSpec) -> None:
        self._spec = spec
        self._items: deque[Any] = deque()
        self._stage: Stage | None = None
        self._broken: Exception | None = None

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def free(self) -> int:
        return 2 * self._spec.workers - len(self._items)

    @property
    def pending(self) -> int:
        return len(self._items)

    def submit(self, item: Any, *, alone: bool = False) -> None:
        """Add an item; it is worked when somebody waits, and always alone."""
        self._items.append(item)

    def work_one(self) -> Done | Failed:
        """Work the oldest item."""
        item = self._items.popleft()
        try:
            stage = self._loaded()
        except Exception as error:  # noqa: BLE001 - a stage may raise anything; it is handed on
            self._broken = error
            return Failed(item, error, kind="not_loaded")
        try:
            return Done(item, value_of(stage.run(item)))
        except Exception as error:  # noqa: BLE001 - a stage may raise anything; it is handed on
            return Failed(item, error)

    def _loaded(self) -> Stage:
        if self._broken is not None:
            raise self._broken
        if self._stage is None:
            stage = self._spec.make()
            stage.load()
            self._stage = stage
        return self._stage


class InlineEngine:
    """Runs stages in the calling process. See :class:`sentinelqa.engines.base.Engine`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def pool(self, spec: StageSpec) -> InlinePool:
        """A pool that starts nothing yet."""
        return InlinePool(spec)

    def wait(
        self, pools: Sequence[Pool], timeout: float | None = None
    ) -> list[tuple[Pool, Done | Failed]]:
        """Work one item of the last pool that has any, so that what was begun is finished first."""
        for pool in reversed(pools):
            if isinstance(pool, InlinePool) and pool.pending:
                return [(pool, pool.work_one())]
        return []
