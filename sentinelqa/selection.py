"""From verdicts to what is delivered: the best K that passed and are distinct. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sentinelqa.types import Judged, Outcome, Selection

PHASH_BITS = 64


def select(judged: Iterable[Judged], wanted: int, *, min_distance: float = 0.0) -> Selection:
    """The best ``wanted`` candidates among those that passed, near-duplicates removed.

    Candidates are taken greedily by rank; a candidate closer than ``min_distance`` to one already
    taken is a duplicate of it. Distance is the Hamming distance of 64-bit perceptual hashes over
    64, so 0.08 asks for at least 6 differing bits. A candidate without a hash is distinct from
    everything. Ties go to the lower index, so the order of arrival changes nothing.

    Raises:
        ValueError: ``wanted`` is negative.
    """
    if wanted < 0:
        raise ValueError(f"wanted must not be negative; got {wanted}")
    passed = sorted(
        (j for j in judged if j.verdict.outcome is Outcome.PASS),
        key=lambda j: (-j.verdict.rank, j.candidate.index, j.candidate.id),
    )
    taken: list[Judged] = []
    duplicates: dict[str, str] = {}
    for candidate in passed:
        twin = _nearest(candidate, taken, min_distance)
        if twin is not None:
            duplicates[candidate.candidate.id] = twin.candidate.id
        elif len(taken) < wanted:
            taken.append(candidate)
    return Selection(delivered=tuple(j.candidate.id for j in taken), duplicates=duplicates)


def _nearest(one: Judged, others: Sequence[Judged], min_distance: float) -> Judged | None:
    if one.phash is None or min_distance <= 0:
        return None
    for other in others:
        if other.phash is not None and _distance(one.phash, other.phash) < min_distance:
            return other
    return None


def _distance(a: int, b: int) -> float:
    return (a ^ b).bit_count() / PHASH_BITS
