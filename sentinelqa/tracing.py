"""When what ran, in every process of a run, as a Chrome trace (``chrome://tracing``, Perfetto).

A block of work names itself with :func:`span`, which costs nothing unless a :class:`Tracer` is at
work around it. Processes write lines of their own; ``combine`` makes one file of them. The clock is
the machine's monotonic one, the same in all processes.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial, wraps
from pathlib import Path
from typing import Any

from sentinelqa.deferred import Deferred
from sentinelqa.files import write_atomically

_current: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
_UNTRACED = nullcontext()


class Tracer:
    """Gathers the spans of one process, and appends them to a file of its own.

    Args:
        folder: where the processes of a run leave their lines.
        process: what to call this one.
    """

    def __init__(self, folder: Path, process: str) -> None:
        self._path = folder / f"{os.getpid()}.jsonl"
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._add({"ph": "M", "name": "process_name", "args": {"name": process}})

    @contextmanager
    def active(self) -> Iterator[None]:
        """Record the spans of the block, in this thread, and write them at its end."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self.flush()

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """Record how long the block takes, in monotonic microseconds."""
        start = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - start
            self._add({"ph": "X", "name": name, "ts": start * 1e6, "dur": seconds * 1e6})

    def flush(self) -> None:
        """Append what was gathered to the file."""
        with self._lock:
            lines, self._lines = self._lines, []
            if lines:
                with self._path.open("a", encoding="utf-8") as file:
                    file.writelines(lines)

    def _add(self, event: dict[str, Any]) -> None:
        event |= {"pid": os.getpid(), "tid": threading.get_native_id(), "cat": "sentinelqa"}
        with self._lock:
            self._lines.append(json.dumps(event) + "\n")


def span(name: str) -> AbstractContextManager[None]:
    """Name a block of work in the trace, where one is taken."""
    tracer = _current.get()
    return _UNTRACED if tracer is None else tracer.block(name)


def spanned(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """``work``, with each call a span."""

    @wraps(work)
    def timed(*arguments: Any, **named: Any) -> Any:
        with span(name):
            return work(*arguments, **named)

    return timed


class TracedStage:
    """A stage whose items are spans. See :class:`sentinelqa.engines.base.Stage`."""

    def __init__(self, stage: Any, folder: str, name: str) -> None:
        self._stage = stage
        self._name = name
        self._tracer = Tracer(Path(folder), name)

    def load(self) -> None:
        """Load the stage, as a span of its own."""
        with self._tracer.active(), span("load"):
            self._stage.load()

    def run(self, item: Any) -> Any:
        """Work the item, with whatever spans the stage has inside."""
        with self._tracer.active(), span(self._name):
            answer = self._stage.run(item)
        return Deferred(partial(self._finish, answer)) if isinstance(answer, Deferred) else answer

    def _finish(self, deferred: Deferred) -> Any:
        with self._tracer.active():
            return deferred.finish()


def make_traced(make: Any, folder: str, name: str) -> TracedStage:
    """For :class:`sentinelqa.engines.base.StageSpec`: the stage that ``make`` builds, traced."""
    return TracedStage(make(), folder, name)


def events(folder: Path) -> list[dict[str, Any]]:
    """Every span and process name that the processes left in ``folder``, in order of time."""
    found = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in _lines(path)]
    return sorted(found, key=lambda event: float(event.get("ts", 0)))


def combine(folder: Path, file: Path) -> None:
    """Write one trace of what the processes left in ``folder``. Its times begin at 0."""
    found = events(folder)
    start = min((e["ts"] for e in found if "ts" in e), default=0.0)
    for event in found:
        if "ts" in event:
            event["ts"] -= start
    write_atomically(file, (json.dumps({"traceEvents": found}) + "\n").encode())


def _lines(path: Path) -> Iterable[str]:
    """Whole lines; a process that was killed may have left half a one."""
    return (
        line
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.endswith("\n")
    )
