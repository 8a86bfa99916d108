"""A plug-in that misbehaves on request: a generator, and a dimension.

``HOSTILE`` names a JSON file: ``{"generation": {request id: deed}, "scoring": {...}}``. Every time
a request's candidate is begun, a line goes to the file of the same name with the ending ``.begun``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sentinelqa.errors import DeviceMemoryError
from sentinelqa.features.base import Features
from sentinelqa.generators.base import Generated
from sentinelqa.generators.fake import FakeGenerator
from sentinelqa.types import Candidate, Measurement, Request


class HostileGenerator(FakeGenerator):
    """The fake generator, with deeds."""

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        """Do the deeds of the batch's candidates, then draw it."""
        for candidate in batch:
            misbehave("generation", candidate.request_id)
        return super().generate(batch, shape)


class HostileDimension:
    """A score of one, with deeds."""

    name = "hostile"
    version = "1"
    tier = "generic"
    needs = ("pixels",)
    reference_needs: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = {}

    def measure(self, features: Features, request: Request) -> Measurement:
        """Do the deed of whatever is being scored."""
        misbehave("scoring", request.id)
        return Measurement(dimension="hostile", score=1.0)


def misbehave(stage: str, who: str) -> None:
    """Write down that ``who`` was begun, and do its deed."""
    plan = Path(os.environ["HOSTILE"])
    with plan.with_suffix(".begun").open("a") as begun:
        begun.write(f"{stage} {who} {os.getpid()} {time.monotonic()}\n")
    deed = json.loads(plan.read_text())[stage].get(who)
    if deed is not None:
        DEEDS[deed]()


def hang() -> None:
    time.sleep(3600)


def ignore() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(7)


def be_killed() -> None:
    """What the kernel does to a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def gobble() -> None:
    """Ask for more memory than there is."""
    bytearray(1 << 50)


def be_too_big() -> None:
    """What a generator says when one image alone does not fit."""
    raise DeviceMemoryError("out of memory for one image")


def be_too_big_once() -> None:
    """The same while another program holds the device's memory."""
    marker = Path(os.environ["HOSTILE"]).with_suffix(".big")
    if not marker.exists():
        marker.touch()
        be_too_big()


def shout() -> None:
    """Write more than a pipe or a socket holds to the standard output."""
    for _ in range(200):
        print("x" * 10_000)  # noqa: T201


def breed() -> None:
    """Leave a child behind that outlives its parent, then hang."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    hang()


def die_once() -> None:
    """Be killed the first time only."""
    marker = Path(os.environ["HOSTILE"]).with_suffix(".once")
    if not marker.exists():
        marker.touch()
        be_killed()


DEEDS: dict[str, Callable[[], None]] = {
    "hang": hang,
    "ignore": ignore,
    "segfault": segfault,
    "leave": leave,
    "be_killed": be_killed,
    "gobble": gobble,
    "be_too_big": be_too_big,
    "be_too_big_once": be_too_big_once,
    "shout": shout,
    "breed": breed,
    "die_once": die_once,
}
