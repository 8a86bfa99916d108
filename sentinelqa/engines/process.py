"""One worker process as its supervisor sees it: start, send, notice death, stop."""

from __future__ import annotations

import logging
import math
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sentinelqa
from sentinelqa.engines.base import StageSpec

WORKER = "sentinelqa.engines.worker"
GRACE = 10.0
"""Seconds between asking a worker to end and killing it."""
LEAVING_GRACE = 5.0
"""The same, when the whole engine is left: an interrupted run ends within ten seconds."""
LOAD_DEADLINE = 1800.0
"""Seconds without a sign of progress that loading a stage may take."""
AHEAD_BYTES = 32 * 1024
"""A second item is sent to a busy worker only when it fits the socket's buffer, so that the
supervisor never blocks on a worker that is not listening."""

_KEEPING_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}
"""For the C library: a worker makes and frees planes of a few megabytes all the time. Fetching
their memory from the kernel each time takes a fifth of the time of a measure."""


@dataclass(slots=True, eq=False)
class Entry:
    """An item on its way.

    Attributes:
        content: its pickle.
        deaths: how many workers have ended while they worked on it.
    """

    item: Any
    content: bytes
    deaths: int = 0


class Worker:
    """A child process with a connection, the items it was given, and when it last showed life."""

    def __init__(self, spec: StageSpec) -> None:
        self._spec = spec
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER, str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                # what libraries print must not end up in the caller's output
                stdout=2,
                start_new_session=True,
                env={**_KEEPING_MEMORY, **os.environ, "PYTHONPATH": _python_path()},
            )
        self._connection = Connection(ours.detach())
        # the connection's own poll() builds a selector with every call
        self._news = select.poll()
        self._news.register(self._connection.fileno(), select.POLLIN)
        self.pidfd = os.pidfd_open(self._process.pid)
        self.items: deque[Entry] = deque()
        self.ready = False
        self._seen = time.monotonic()
        self._kill_at: float | None = None
        self._deaf = False
        self.hung = False
        self._start()

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return not self.items

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._kill_at is not None

    @property
    def descriptors(self) -> list[int]:
        """What becomes readable when it has something to say or has ended."""
        return [self.pidfd] if self._deaf else [self.pidfd, self._connection.fileno()]

    @property
    def exit_code(self) -> int | None:
        """Minus the signal that killed it; ``None`` while it lives. Its process id stays taken
        until ``reap``, so that no signal reaches a stranger."""
        if self._process.returncode is not None:
            return self._process.returncode
        status = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if status is None:
            return None
        return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status

    def room_for(self, content: bytes) -> bool:
        """Whether an item may be sent now."""
        if self.stopping or len(self.items) >= 2:
            return False
        return (self.ready and self.idle) or len(content) <= AHEAD_BYTES

    def send(self, entry: Entry) -> None:
        """Give it an item. A worker that has just died keeps it until its death is noticed."""
        if self.idle:
            self._seen = time.monotonic()
        self.items.append(entry)
        self._send(entry.content)

    def receive(self) -> Iterator[tuple[str, Any]]:
        """What it has said since the last time. Every message is a sign of progress but one: what
        is logged may come from a thread beside a hung one. While it loads, that counts too."""
        while True:
            try:
                if self._deaf or not self._news.poll(0):
                    return
                content = self._connection.recv_bytes()
            except (EOFError, OSError):
                self._deaf = True
                self.stop()
                return
            kind, value = pickle.loads(content)  # noqa: S301 - from our own worker
            if kind != "log" or not self.ready:
                self._seen = time.monotonic()
            if kind == "log":
                logging.getLogger(value["name"]).handle(logging.makeLogRecord(value))
                continue
            if kind == "ready":
                self.ready = True
            yield kind, value

    @property
    def due(self) -> float:
        """When the supervisor must look at it again, on the monotonic clock."""
        if self._kill_at is not None:
            return self._kill_at
        if not self.ready:
            return self._seen + LOAD_DEADLINE
        if self.idle or not self._spec.deadline:
            return math.inf
        return self._seen + self._spec.deadline

    def check(self) -> None:
        """End it when it is overdue; kill it when it did not end when asked to."""
        due = self.due
        if due == math.inf or time.monotonic() < due:
            return
        if self._kill_at is not None:
            self._signal(signal.SIGKILL)
            self._kill_at = math.inf
        else:
            self.hung = True
            self.stop()

    def stop(self, *, leaving: bool = False) -> None:
        """Ask it to end."""
        if not self.stopping:
            self._signal(signal.SIGTERM)
            self._kill_at = time.monotonic() + (LEAVING_GRACE if leaving else GRACE)
        elif leaving and self._kill_at is not None:
            self._kill_at = min(self._kill_at, time.monotonic() + LEAVING_GRACE)

    def reap(self) -> None:
        """Forget a process that has ended, and what it may have left in its group."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        os.close(self.pidfd)
        self._connection.close()

    def _start(self) -> None:
        self._send(
            pickle.dumps(
                {
                    "path": sys.path,
                    "level": logging.getLogger("sentinelqa").getEffectiveLevel(),
                    "make": pickle.dumps(self._spec.make),
                }
            )
        )

    def _send(self, content: bytes) -> None:
        try:
            self._connection.send_bytes(content)
        except OSError:
            logging.getLogger(__name__).debug("worker %d is gone", self._process.pid)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


class Watch:
    """Sleeps until one of some descriptors becomes readable.

    ``multiprocessing`` has the same, and builds a selector with every call.
    """

    def __init__(self) -> None:
        self._watched: list[int] = []
        self._news = select.poll()

    def wait(self, descriptors: list[int], until: float) -> frozenset[int]:
        """Those that have something to say; none when the monotonic clock says ``until``."""
        if descriptors != self._watched:
            self._watched, self._news = descriptors, select.poll()
            for descriptor in descriptors:
                self._news.register(descriptor, select.POLLIN)
        seconds = max(0.0, until - time.monotonic())
        found = self._news.poll(None if seconds == math.inf else math.ceil(1000 * seconds))
        return frozenset(descriptor for descriptor, _ in found)


def _python_path() -> str:
    """Where a worker finds this package; the rest of the caller's path is sent to it."""
    home = str(Path(sentinelqa.__file__).parent.parent)
    return os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
