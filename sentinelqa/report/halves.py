"""One run of a comparison, seen over the requests that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.intervals import Tally

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Half:
    """One run, seen over the requests that are compared.

    Attributes:
        keys: what identifies each of its requests in the other run.
        places: key -> position among the compared requests.
    """

    evidence: Evidence
    keys: tuple[str, ...]
    places: dict[str, int]

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Per candidate the position of its request; -1 where it is not compared."""
        of_request = np.array([self.places.get(key, -1) for key in self.keys], np.int64)
        return np.asarray(of_request[self.evidence.position], np.int64)

    @cached_property
    def judged(self) -> Bools:
        known = np.array([outcome != "open" for outcome in self.evidence.outcomes], bool)
        return np.asarray(known & (self.place >= 0), bool)

    @cached_property
    def passed(self) -> Bools:
        return np.array([outcome == "pass" for outcome in self.evidence.outcomes], bool)

    def tally(self, hits: Bools, among: Bools) -> Tally:
        """Counts per compared request."""
        size, compared = len(self.places), among & (self.place >= 0)
        return Tally(
            hits=np.bincount(self.place[hits & compared], minlength=size),
            looked=np.bincount(self.place[compared], minlength=size),
        )

    def of_requests(self, column: str) -> NDArray[np.int64]:
        """A column of the requests table, per compared request."""
        found = np.zeros(len(self.places), np.int64)
        for key, value in zip(self.keys, self.evidence.of_requests(column), strict=True):
            if key in self.places:
                found[self.places[key]] = int(value)
        return found

    @cached_property
    def rows(self) -> list[list[int]]:
        """Candidates per compared request."""
        found: list[list[int]] = [[] for _ in self.places]
        for row, place in enumerate(self.place.tolist()):
            if place >= 0:
                found[place].append(row)
        return found


def request_keys(first: Evidence, second: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What says that requests are the same: their ids; for images in another folder, the name."""
    found = [tuple(e.texts_of_requests("request_id")) for e in (first, second)]
    if first.scoring_only and not set(found[0]) & set(found[1]):
        bare = [tuple(PurePath(key).name for key in keys) for keys in found]
        if all(len(set(keys)) == len(keys) for keys in bare) and set(bare[0]) & set(bare[1]):
            found = bare
    return found[0], found[1]
