"""Raw pictures on their way from a generator to a scorer. They outlive the process of the run.

A picture is whole once it has its name, and the name says what the ledger wants to know of its
making. It is not synced, which would keep the device waiting: the death of every process leaves it
good, a power loss may not. So the folder says in which life of the machine it was filled, and
pictures of an earlier one are not touched again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinelqa.files import placing
from sentinelqa.generators.base import Image

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Changes whenever the machine starts. Where there is none, nothing is taken over."""
LIFE = "life"
_NAME = re.compile(r"(?P<id>\w+)\.(?P<micros>\d+)us-(?P<planned>\d+)-(?P<actual>\d+)\.npy")


@dataclass(frozen=True, slots=True)
class Raw:
    """A picture that was made and is not scored.

    Attributes:
        path: a ``.npy`` file of uint8 height x width x 3.
        seconds: its share of the device's time.
        shape_planned, shape_actual: batch sizes; they differ when memory ran out.
    """

    path: str
    seconds: float
    shape_planned: int
    shape_actual: int


def save(folder: Path, candidate_id: str, image: Image, made: Raw) -> str:
    """Write a picture, whole or not at all, but not durably. Returns its path.

    Args:
        made: how; its path is not looked at.

    Raises:
        OSError: the disk is full or failing.
    """
    micros = round(1e6 * made.seconds)
    name = f"{candidate_id}.{micros}us-{made.shape_planned}-{made.shape_actual}.npy"
    path = folder / name
    with placing(path) as part, part.open("wb") as file:
        np.save(file, image, allow_pickle=False)
    return str(path)


def remove(paths: Iterable[str]) -> None:
    """Take away files that are used up; some may be gone."""
    for path in paths:
        Path(path).unlink(missing_ok=True)


def take_over(folder: Path, *, keep: bool) -> dict[str, Raw]:
    """The pictures that an earlier process left, by candidate. Everything else in the folder goes.

    Only for who holds the run: another process may have its pictures here.

    Args:
        keep: whether the pictures are of use; else they go too.

    Raises:
        OSError: the disk is full or failing.
    """
    life = folder / LIFE
    now = _read(BOOT)
    found = {}
    for path in folder.iterdir() if keep and now and _read(life) == now else ():
        named = _NAME.fullmatch(path.name)
        if named and path.is_file():
            planned, actual = int(named["planned"]), int(named["actual"])
            found[named["id"]] = Raw(str(path), int(named["micros"]) / 1e6, planned, actual)
    kept = {Path(raw.path) for raw in found.values()}
    for path in folder.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    life.write_text(now)
    return found


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
