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


def contenders(
    judged: Iterable[Judged], wanted: int, *, min_distance: float = 0.0
) -> tuple[str, ...]:
    """Candidates whose whole rank :func:`select` must know next; empty when it knows enough.

    A rank that is not whole lies between ``rank`` and ``ceiling``. Those named here would be looked
    at whatever the others turn out to be, so nothing is measured that could have been spared, and
    who has been measured in the end does not depend on the order of measuring (Chang and Hwang,
    "Minimal probing", SIGMOD 2002).
    """
    passed = sorted(
        (j for j in judged if j.verdict.outcome is Outcome.PASS),
        key=lambda j: (-_most(j), j.candidate.index, j.candidate.id),
    )
    taken: list[Judged] = []
    perhaps: list[Judged] = []
    needed: list[str] = []
    for candidate in passed:
        if len(taken) + len(perhaps) >= wanted:
            break
        if _nearest(candidate, taken, min_distance) is not None:
            continue
        whole = candidate.verdict.ceiling is None
        if whole and not perhaps:
            taken.append(candidate)
            continue
        if not whole and _nearest(candidate, perhaps, min_distance) is None:
            needed.append(candidate.candidate.id)
        perhaps.append(candidate)
    return tuple(needed)


def _most(judged: Judged) -> float:
    ceiling = judged.verdict.ceiling
    return judged.verdict.rank if ceiling is None else ceiling


def _nearest(one: Judged, others: Sequence[Judged], min_distance: float) -> Judged | None:
    if one.phash is None or min_distance <= 0:
        return None
    for other in others:
        if other.phash is not None and _distance(one.phash, other.phash) < min_distance:
            return other
    return None


def _distance(a: int, b: int) -> float:
    return (a ^ b).bit_count() / PHASH_BITS
