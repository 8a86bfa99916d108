"""Row 12, first part: paths, links and special files. ``figures`` gives what was reached."""

from __future__ import annotations

import json
import os
import signal
import socket
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType

import numpy as np
from PIL import Image

from sentinelqa.errors import SentinelError
from sentinelqa.features.pixels import decode
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.sources.images import find_images
from sentinelqa.sources.requests import RequestDefaults, read_requests

PATIENCE = 5
"""Seconds after which a case counts as hung."""
SECRET = (13, 57, 201)
"""The colour of the picture outside, which nothing inside may show."""

IDS = (
    *("../x", "../../x", "..", ".", "/etc/x", "//x", "a/b", "a/../b", "./a", "a/", "/"),
    *("..\\x", "C:\\x", "C:x", "a\\b", "\\\\host\\share", "~/x", "a\0b", "\0", "", " ", "\t"),
    *("CON", "con", "NUL", "nul.txt", "PRN", "AUX.png", "COM1", "LPT9.log", "CON."),
    *("a\nb", "a\rb", "\x1b[2J", "a\x7fb", "a\u2028b", "\u202egnp", "\u2066a", "a:b", "a|b"),
    *("a*", "a?", "<a>", '"a"', "-rf", "--out", ".hidden", "a.", "x" * 121, "x" * 5000),
    *("\U0001f600" * 100, "\u00e9" * 121, "..%2f..%2fx", "%00", "\ud800", "$(id)", "`id`"),
)
"""Request ids. What is accepted of them must name a folder of its own inside the run."""
TWINS = (
    ("caf\u00e9", "cafe\u0301"),
    ("SKU-1", "sku-1"),
    ("stra\u00dfe", "STRASSE"),
    ("\ufb01x", "\ufb01X"),
    ("a", " a "),
    ("\u212b", "\u00c5"),
)
"""Ids that some file system or spreadsheet takes for one."""


class HungError(Exception):
    """A case took longer than :data:`PATIENCE`."""


@contextmanager
def patience() -> Iterator[None]:
    """Interrupt what hangs, a blocked system call included."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise HungError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def figures(folder: Path) -> dict[str, int]:
    """Cases tried; how many got outside, collided, hung, or ended without a report."""
    found = {"cases": 0, "outside": 0, "collisions": 0, "hung": 0, "not reported": 0}
    for part in (_ids, _twins, _special_files, _references, _documents, _swapped):
        room = folder / part.__name__
        room.mkdir()
        for name, count in part(room).items():
            found[name] += count
    return found


def violations(found: dict[str, int]) -> list[str]:
    """The goals that are missed."""
    return [name for name, count in found.items() if name != "cases" and count]


def _requested(folder: Path, *rows: dict[str, object]) -> list[str] | None:
    """The ids of a requests file, or ``None`` where it is refused."""
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps({"prompt": "p", **row}) + "\n" for row in rows))
    try:
        return [r.id for r in read_requests(path, RequestDefaults())]
    except SentinelError:
        return None


def _ids(folder: Path) -> dict[str, int]:
    """Ids that are accepted have their folder made, as a delivery does."""
    root = folder / "delivered"
    root.mkdir()
    outside = broken = 0
    for one in IDS:
        for accepted in _requested(folder, {"id": one}) or ():
            try:
                place = Path(os.path.normpath(root / accepted))
                outside += place.parent != root
                if place.parent == root:
                    (root / accepted).mkdir()
            except (OSError, ValueError):
                broken += 1
    return {"cases": len(IDS), "outside": outside, "not reported": broken}


def _twins(folder: Path) -> dict[str, int]:
    together = 0
    for first, second in TWINS:
        accepted = _requested(folder, {"id": first}, {"id": second}) or []
        alike = {unicodedata.normalize("NFC", one).casefold() for one in accepted}
        together += len(accepted) - len(alike)
    return {"cases": len(TWINS), "collisions": together}


def picture(path: Path, colour: tuple[int, int, int]) -> Path:
    """A picture of one colour."""
    Image.fromarray(np.full((24, 24, 3), colour, np.uint8)).save(path)
    return path


def special_files(folder: Path) -> dict[str, Path]:
    """A folder to score with everything in it that is no plain picture, and what is outside."""
    outside = folder / "outside"
    inside = folder / "inside"
    outside.mkdir()
    (inside / "sub").mkdir(parents=True)
    secret = picture(outside / "secret.png", SECRET)
    made = {
        name: inside / f"{name}.png"
        for name in (
            *("link", "absolute", "passwd", "folder link", "loop", "itself", "broken", "zero"),
            *("random", "fd", "fifo", "socket", "folder", "proc", "chain", "dangling folder"),
        )
    }
    made["link"].symlink_to(Path("../outside/secret.png"))
    made["absolute"].symlink_to(secret)
    made["passwd"].symlink_to("/etc/passwd")
    made["folder link"].symlink_to(outside)
    made["loop"].symlink_to(inside)
    made["itself"].symlink_to(made["itself"])
    made["broken"].symlink_to("/nowhere")
    made["zero"].symlink_to("/dev/zero")
    made["random"].symlink_to("/dev/urandom")
    made["fd"].symlink_to("/dev/fd/0")
    made["proc"].symlink_to("/proc/self/environ")
    made["chain"].symlink_to(made["absolute"])
    made["dangling folder"].symlink_to("../gone/")
    os.mkfifo(made["fifo"])
    made["folder"].mkdir()
    # the path of a socket may be 107 bytes long at most, so it is bound by its name alone
    here = Path.cwd()
    os.chdir(inside)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
    os.chdir(here)
    (inside / "sub" / "up").symlink_to(inside)
    (inside / "escape").symlink_to(outside)
    return made


def _special_files(folder: Path) -> dict[str, int]:
    made = special_files(folder)
    # a link to a folder that the user names outright is the user's wish
    alone = [p for p in made.values() if not (p.is_symlink() and p.is_dir())]
    named = [folder / "inside", *alone]
    addresses = [f"file://{path}" for path in alone]
    found = {"cases": len(named) + len(addresses), "outside": 0, "hung": 0, "not reported": 0}
    for one in [*map(str, named), *addresses]:
        try:
            with patience():
                for path in find_images([one]):
                    found["outside"] += _shows_the_secret(path)
                    found["not reported"] += "secret" in path
        except SentinelError:
            continue
        except HungError:
            found["hung"] += 1
        except (OSError, ValueError):
            found["not reported"] += 1
    return found


def _shows_the_secret(path: str) -> bool:
    try:
        return bool((decode(path).rgb == SECRET).all())
    except SentinelError:
        return False


def _references(folder: Path) -> dict[str, int]:
    """References of a requests file: refused, or read with the same care as an image."""
    made = special_files(folder)
    names = [
        *(str(path) for path in made.values()),
        *("x" * 5000, "a\0b", "..", "/dev/zero", "/dev/stdin", "http://127.0.0.1/a.png"),
    ]
    found = {"cases": len(names), "outside": 0, "hung": 0, "not reported": 0}
    for name in names:
        path = folder / "references.jsonl"
        path.write_text(json.dumps({"id": "a", "prompt": "p", "references": [name]}) + "\n")
        try:
            with patience():
                for request in read_requests(path, RequestDefaults()):
                    found["outside"] += sum(map(_shows_the_secret, request.references))
        except SentinelError:
            continue
        except HungError:
            found["hung"] += 1
        except (OSError, ValueError):
            found["not reported"] += 1
    return found


def _documents(folder: Path) -> dict[str, int]:
    """Special files where a rubric or a requests file is expected."""
    pipe = folder / "pipe.yaml"
    os.mkfifo(pipe)
    endless = folder / "endless.yaml"
    endless.symlink_to("/dev/zero")
    lines = folder / "lines.jsonl"
    lines.symlink_to("/dev/zero")
    readers: list[Callable[[], object]] = [
        lambda: load_rubric(str(pipe)),
        lambda: load_rubric(str(endless)),
        lambda: load_rubric(str(folder)),
        *(
            lambda p=p: list(read_requests(p, RequestDefaults()))  # type: ignore[misc]
            for p in (pipe, endless, lines, folder)
        ),
    ]
    found = {"cases": len(readers), "hung": 0, "not reported": 0}
    for read in readers:
        try:
            with patience():
                read()
        except SentinelError:
            continue
        except HungError:
            found["hung"] += 1
            continue
        except (OSError, ValueError, MemoryError):
            found["not reported"] += 1
    return found


def _swapped(folder: Path, rounds: int = 300) -> dict[str, int]:
    """A file that turns into a link to the outside again and again, while it is read."""
    secret = picture(folder / "outside.png", SECRET)
    plain = picture(folder / "plain.png", (9, 9, 9))
    place, spare = folder / "place.png", folder / "spare.png"
    ended = Event()

    def swap() -> None:
        while not ended.is_set():
            spare.symlink_to(secret)
            spare.rename(place)
            os.link(plain, spare)
            spare.rename(place)

    os.link(plain, place)
    swapping = Thread(target=swap)
    swapping.start()
    try:
        outside = sum(_shows_the_secret(str(place)) for _ in range(rounds))
    finally:
        ended.set()
        swapping.join()
    return {"cases": 1, "outside": int(outside > 0)}
