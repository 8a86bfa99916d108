"""A worker process: ``python -m sentinelqa.engines.worker FD PARENT``. See ``local.py``.

It is started as a program of its own rather than by forking or by importing the caller's main
module, so it works from notebooks and scripts alike, and shares no locks or devices with anybody.
"""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from sentinelqa import heartbeat
from sentinelqa.deferred import Deferred, value_of
from sentinelqa.engines.base import Stage
from sentinelqa.errors import EngineError, UsageError

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Build the stage, then work items until the parent closes the connection."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    # the parent decides what an interruption means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    outlet = _Outlet(Connection(descriptor))
    try:
        _serve(outlet)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # the parent has left, and nobody waits for what this worker would still say
        return


def _serve(outlet: _Outlet) -> None:
    start = pickle.loads(outlet.receive())  # noqa: S301 - from the parent, over a private socket
    sys.path[:] = start["path"]
    _forward_logs(outlet, start["level"])
    heartbeat.pass_on(lambda: outlet.send("progress", None))
    try:
        stage: Stage = pickle.loads(start["make"])()  # noqa: S301
        stage.load()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
        outlet.send("not_loaded", _portable(error))
        return
    outlet.send("ready", None)
    answers = _Answers(outlet)
    while True:
        content = outlet.receive()
        try:
            answer = stage.run(pickle.loads(content))  # noqa: S301
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
            answer = Deferred(partial(_raise, error))
        answers.give(answer)


class _Answers:
    """Says what came of each item, in the order of the items. What is deferred is finished in a
    thread of its own, beside the next item; the parent sends no more than two."""

    def __init__(self, outlet: _Outlet) -> None:
        self._outlet = outlet
        self._thread = ThreadPoolExecutor(1, "answers")
        self._last: Future[None] | None = None

    def give(self, answer: Any) -> None:
        """Send an answer now, or as soon as it and those before it are finished."""
        waits = self._last is not None and not self._last.done()
        if waits or isinstance(answer, Deferred):
            self._last = self._thread.submit(self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: Any) -> None:
        try:
            value = value_of(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
            self._outlet.send("raised", _portable(error))
        else:
            self._outlet.send_value(value)


def _raise(error: Exception) -> None:
    raise error


class _Outlet:
    """The connection to the parent, usable from every thread of a stage."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def receive(self) -> bytes:
        return self._connection.recv_bytes()

    def send(self, kind: str, value: Any) -> None:
        content = pickle.dumps((kind, value))
        with self._lock:
            self._connection.send_bytes(content)

    def send_value(self, value: Any) -> None:
        try:
            content = pickle.dumps(("done", value))
        except Exception as error:  # noqa: BLE001 - pickling runs arbitrary code
            self.send("raised", EngineError(f"the result cannot be sent: {error}"))
            return
        with self._lock:
            self._connection.send_bytes(content)


class _Forwarding(logging.Handler):
    """Sends log records to the parent, which writes them to the run's log."""

    def __init__(self, outlet: _Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        try:
            plain = {"msg": record.getMessage(), "exc_text": trace}
            self._outlet.send("log", plain | {k: getattr(record, k) for k in _LOGGED})
        except Exception:  # noqa: BLE001 - logging must never stop the work; this is its own way
            self.handleError(record)


_LOGGED = ("name", "levelno", "levelname", "created", "process")


def _forward_logs(outlet: _Outlet, level: int) -> None:
    logger = logging.getLogger("sentinelqa")
    logger.setLevel(level)
    logger.addHandler(_Forwarding(outlet))
    logger.propagate = False


def _portable(error: Exception) -> Exception:
    """The error itself where it survives the journey, else its type and text.

    The traceback travels as a note.
    """
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):  # noqa: S301
            return error
    except Exception:  # noqa: BLE001 - pickling runs arbitrary code, and the text is kept below
        logging.getLogger(__name__).debug("%s cannot be pickled", type(error).__name__)
    kind = type(error).__name__
    nearest = UsageError if isinstance(error, UsageError) else EngineError
    portable = nearest(f"{kind}: {error}")
    for note in error.__notes__:
        portable.add_note(note)
    return portable


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the parent dies, however that happens."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
