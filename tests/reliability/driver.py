"""A run that can be killed anywhere: the real pipeline in one process, on the fake generator.

``python driver.py JOB`` reads lines ``OUT MUTANT BESIDE`` and, for each, forks a child that stops
itself (so that a tracer can attach) and then runs the job into OUT. It answers with the child's
process id, and with its exit status once it has ended. Everything is imported once, which makes
hundreds of runs affordable. MUTANT is a deliberate fault that a harness must notice, or ``none``.
BESIDE is ``CALL:N:FAULT``, what happens at the N-th such call of all threads beside the first
(``N+``: and to every one from there on), or ``nothing``. What a generator or a scorer begins is
written to ``OUT.begun``, a line ``STAGE CANDIDATE`` each.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

# a scorer limits torch's threads where there is torch; none is needed here, and it loads slowly
sys.modules["torch"] = None  # type: ignore[assignment]

from sentinelqa import images  # noqa: E402
from sentinelqa.errors import SentinelError  # noqa: E402
from sentinelqa.generators import fake, raw  # noqa: E402
from sentinelqa.job import load_job  # noqa: E402
from sentinelqa.pipeline import run  # noqa: E402
from sentinelqa.scorer import ScoreStage  # noqa: E402

FAILED = 74

_fsync = os.fsync
_store = images.store


def no_fsync() -> None:
    """Files are renamed into place before their bytes are on disk."""
    os.fsync = lambda descriptor: None  # type: ignore[assignment]


def no_folder_sync() -> None:
    """The names of files are never made durable."""

    def only_files(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            _fsync(descriptor)

    os.fsync = only_files  # type: ignore[assignment]


def direct_write() -> None:
    """Images are written straight to their final name, and synced at the end of the batch."""
    import sentinelqa.images as module

    def store(root: Path, encoded: bytes, **size: Any) -> Any:
        digest = images.sha256(encoded)
        place = root / images.path_of(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded)
        return images.StoredImage(
            sha256=digest, path=images.path_of(digest), size=len(encoded), **size
        )

    module.store = store


def ledger_first() -> None:
    """The ledger names an image before its file is written."""
    import sentinelqa.images as module

    waiting: list[tuple[Path, bytes, dict[str, Any]]] = []

    def store(root: Path, encoded: bytes, **size: Any) -> Any:
        while len(waiting) >= 2:
            earlier, content, its_size = waiting.pop(0)
            _store(earlier, content, **its_size)
        waiting.append((root, encoded, size))
        digest = images.sha256(encoded)
        return images.StoredImage(
            sha256=digest, path=images.path_of(digest), size=len(encoded), **size
        )

    module.store = store


def blame_the_image() -> None:
    """What the disk refuses is recorded against the image."""
    import sentinelqa.scorer as module

    module.storing = nullcontext  # type: ignore[assignment]


def nothing_taken_over() -> None:
    """What was made and not scored is thrown away by the next process."""
    raw.BOOT = Path("/nowhere")


MUTANTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "no_fsync": no_fsync,
    "no_folder_sync": no_folder_sync,
    "direct_write": direct_write,
    "ledger_first": ledger_first,
    "blame_the_image": blame_the_image,
    "nothing_taken_over": nothing_taken_over,
}


def write_down(out: str) -> None:
    """Have what is begun written down: of a picture in a batch, when its turn has come."""
    begun = os.open(f"{out}.begun", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    draw, receive = fake.draw, ScoreStage._receive

    def drawn(candidate: Any) -> Any:
        os.write(begun, f"made {candidate.id}\n".encode())
        return draw(candidate)

    def received(self: ScoreStage, item: Any, scratch: Path) -> Any:
        os.write(begun, f"scored {item.candidate.id}\n".encode())
        return receive(self, item, scratch)

    fake.draw = drawn
    ScoreStage._receive = received  # type: ignore[method-assign]


def disturb(out: str, call: str, when: str, fault: str) -> None:
    """Kill the process, or refuse, at a call of another thread than the first. Once one is
    refused, with ``+``, so are those of all threads."""
    numbers = itertools.count(1)
    begun = threading.Event()
    onwards = when.endswith("+")
    first = int(when.removesuffix("+"))

    def disturbed(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            beside = threading.current_thread() is not threading.main_thread()
            if beside and next(numbers) == first:
                Path(f"{out}.disturbed").touch()
                begun.set()
            elif not (onwards and begun.is_set()):
                return function(*arguments, **named)
            if fault == "KILL":
                os.kill(os.getpid(), signal.SIGKILL)
            code = getattr(errno, fault)
            raise OSError(code, os.strerror(code))

        return called

    for name in {"rename": ("rename", "replace"), "unlink": ("unlink", "remove")}.get(
        call, (call,)
    ):
        setattr(os, name, disturbed(getattr(os, name)))


def work(job: str, out: str, mutant: str, beside: str) -> int:
    """Run the job once. Errors of the disk end as they do on the command line."""
    MUTANTS[mutant]()
    write_down(out)
    if beside != "nothing":
        disturb(out, *beside.split(":"))
    try:
        run(load_job(job), out=out, engine="inline")
    except (SentinelError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}".splitlines()[0] + "\n")
        return FAILED
    return 0


def main() -> None:
    """Serve runs until the input ends."""
    job = sys.argv[1]
    _say("ready")
    for line in sys.stdin:
        out, mutant, beside = line.split()
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGSTOP)
            code = 1
            try:
                code = work(job, out, mutant, beside)
            finally:
                os._exit(code)
        os.waitpid(child, os.WUNTRACED)
        _say(child)
        _, status = os.waitpid(child, 0)
        _say(os.waitstatus_to_exitcode(status))


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
