"""Pictures that a team has already: a file of their perceptual hashes that outlives a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ModelError, ScoringError, UsageError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.hashes import Hashes, PerceptualHash, hash_picture
from sentinelqa.features.pixels import decode
from sentinelqa.files import write_atomically
from sentinelqa.types import ModelUse

INDEX = "SENTINELQA_KNOWN"
_HEAD = "sentinelqa known pictures 1"
_HASHES = "\thashes "
"""Stands between the head and the version of the hashes; without it they are of the first."""
_BITS = 64
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class KnownPictures:
    """The hashes of known pictures, in the order of their names.

    Attributes:
        names: where each was when it was added.
        hashes: one per picture.
        sha256: of the index file.
    """

    names: tuple[str, ...] = ()
    hashes: Words = field(default_factory=lambda: np.zeros(0, np.uint64))
    sha256: str = ""

    def nearest(self, phash: int) -> tuple[int, str]:
        """The distance in bits to the nearest picture, and its name; 64 without any."""
        if not self.names:
            return _BITS, ""
        distances = np.bitwise_count(self.hashes ^ np.uint64(phash))
        best = int(distances.argmin())
        return int(distances[best]), self.names[best]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The known picture that is most like one picture, and like its mirror image."""

    distance: int
    name: str
    mirrored_distance: int
    mirrored_name: str
    count: int
    models: tuple[ModelUse, ...] = ()


class Known:
    """Feature ``known``: the :class:`Nearest` known picture.

    ``SENTINELQA_KNOWN`` names the index file, which ``sentinelqa known`` writes. It is read once
    and never changed while a run is under way, so that a resumed run decides as an unbroken one;
    its hash is recorded beside the measurement.
    """

    name = "known"
    version = "1"
    needs = ("hashes",)

    def __init__(self) -> None:
        self.models: tuple[ModelUse, ...] = ()
        self._known = KnownPictures()

    def load(self, device: str) -> None:
        """Read the index.

        Raises:
            ModelError: none is named, or it is not here.
        """
        path = os.environ.get(INDEX, "")
        if not path:
            raise ModelError(
                "no index of known pictures is named",
                where=INDEX,
                remedy="sentinelqa known INDEX FOLDER makes one",
            )
        self._known = read_known(Path(path))
        self.models = (ModelUse(id=f"known:{Path(path).name}", sha256=self._known.sha256),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[Nearest | ScoringError]:
        """Look every picture up."""
        return [self._one(item.features["hashes"]) for item in batch]

    def _one(self, own: PerceptualHash) -> Nearest:
        straight, mirrored = (self._known.nearest(h) for h in (own.phash, own.mirrored))
        return Nearest(*straight, *mirrored, len(self._known.names), self.models)


def read_known(path: Path) -> KnownPictures:
    """Read an index.

    Raises:
        ModelError: it is not here, is no such index, or holds hashes of another version.
    """
    try:
        content = path.read_bytes()
        head, *lines = content.decode("utf-8").splitlines()
        rows = [line.split("\t", 1) for line in lines]
        hashes = np.array([int(digits, 16) for digits, _ in rows], np.uint64)
    except OSError as error:
        raise ModelError(
            f"the index of known pictures cannot be read: {error.strerror}",
            where=str(path),
            remedy="sentinelqa known INDEX FOLDER makes one",
        ) from error
    except (ValueError, OverflowError) as error:
        raise _not_an_index(path) from error
    kind, _, version = head.partition(_HASHES)
    if kind != _HEAD:
        raise _not_an_index(path)
    _check_version(version or "1", path)
    digest = hashlib.sha256(content).hexdigest()
    return KnownPictures(tuple(name for _, name in rows), hashes, digest)


def add_known(path: Path, images: Iterable[str]) -> tuple[int, list[str]]:
    """Add pictures to the index, which is made if it is not there; a name known already is hashed
    again.

    Returns:
        How many the index holds now, and why pictures could not be read.

    Raises:
        ModelError: the file is something else, or holds hashes of another version.
        UsageError: a name that does not fit on a line.
    """
    hashes: dict[str, int] = {}
    if path.exists():
        known = read_known(path)
        hashes = dict(zip(known.names, known.hashes.tolist(), strict=True))
    unreadable = []
    for image in images:
        name = os.path.abspath(image)  # noqa: PTH100 - links stay
        if len(name.splitlines()) != 1:
            raise UsageError("a picture's name may not hold a line break", where=repr(image))
        try:
            hashes[name] = hash_picture(decode(image)).phash
        except ScoringError as error:
            unreadable.append(str(error))
    rows = [f"{digits:016x}\t{name}" for name, digits in sorted(hashes.items())]
    head = f"{_HEAD}{_HASHES}{Hashes().version}"
    write_atomically(path, "\n".join([head, *rows, ""]).encode())
    return len(hashes), unreadable


def _check_version(version: str, path: Path) -> None:
    """Hashes of one picture differ from version to version, so copies would go unseen."""
    if version != Hashes().version:
        raise ModelError(
            f"the index holds perceptual hashes of version {version}, and this release compares "
            f"those of version {Hashes().version}",
            where=str(path),
            remedy="sentinelqa known NEW-INDEX with the same pictures, whose paths the lines of "
            "the old one end with",
        )


def _not_an_index(path: Path) -> ModelError:
    return ModelError(
        "this file is no index of known pictures", where=str(path), remedy="give another name"
    )
