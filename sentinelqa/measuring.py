"""One image on its way through a batch, and how many of them a worker holds at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sentinelqa.decide import ImageFacts
from sentinelqa.errors import ScoringError
from sentinelqa.scorecache import HASH, Kept
from sentinelqa.types import Measurement, StoredImage

if TYPE_CHECKING:
    from sentinelqa.scorer import ScoreItem

PICTURE_BYTES = 384 * 2**20
"""Decoded pixels that a worker holds at once; a batch of larger pictures is measured in parts."""


@dataclass(slots=True)
class Work:
    """One image on its way through a batch."""

    item: ScoreItem
    path: str
    image: StoredImage | None = None
    values: dict[str, Any] = field(default_factory=dict)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    recalled: Mapping[str, Kept] = field(default_factory=dict)
    decided: bool = False


def in_parts(works: Sequence[Work]) -> Iterator[list[Work]]:
    """``works`` in order, as many together as may be decoded at once; one at least."""
    part: list[Work] = []
    held = 0
    for work in works:
        assert work.image is not None
        size = 3 * work.image.width * work.image.height
        if part and held + size > PICTURE_BYTES:
            yield part
            part, held = [], 0
        part.append(work)
        held += size
    if part:
        yield part


def phash_of(work: Work) -> int | None:
    """The perceptual hash that tells duplicates apart; of what failed nobody asks."""
    if work.decided:
        return None
    known = work.recalled.get(HASH)
    if isinstance(known, int):
        return known
    hashes = work.values.get(HASH)
    return None if hashes is None or isinstance(hashes, ScoringError) else int(hashes.phash)


def facts_of(work: Work) -> ImageFacts:
    """What a rubric may ask of the file itself."""
    image = work.image
    return ImageFacts(width=image.width, height=image.height) if image else ImageFacts()
