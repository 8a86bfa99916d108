"""What would help a request that fell short: one bound moved, more candidates, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from sentinelqa.report.checks import missing_by
from sentinelqa.report.evidence import UNMEASURED, Evidence
from sentinelqa.rubric.columns import FAIL, PASS, REVIEW
from sentinelqa.rubric.model import Threshold

MOST_MORE = 1000
"""Beyond this many further candidates, "more candidates" is no advice."""

Rows = Sequence[int]


class Advice:
    """Looks once at all candidates of a part, then answers for each of its requests."""

    def __init__(self, part: Evidence) -> None:
        self._part = part
        self._columns: dict[int, tuple[list[float], list[float]]] = {}

    def help(self, rows: Rows, wanted: int, failures: Mapping[str, int]) -> str:
        """For a request with these candidates; empty while none of them is judged.

        Args:
            failures: check -> how many of them failed it.
        """
        if all(self._part.outcomes[row] == "open" for row in rows):
            return ""
        sentences = []
        if failures:
            rejects = sum(self._part.outcomes[row] in ("fail", "review") for row in rows)
            name, count = min(failures.items(), key=lambda item: (-item[1], item[0]))
            sentences.append(f"{count} of {rejects} rejects failed {name}.")
        passing = [row for row in rows if self._passes[row]]
        have = self._chosen(passing, wanted)
        sentences.append(
            self._one_change(rows, passing, wanted, have)
            or self._more(rows, len(passing), wanted, have)
        )
        return " ".join(s for s in sentences if s)

    def _one_change(self, rows: Rows, passing: Rows, wanted: int, have: int) -> str:
        """The single bound whose smallest change completes the request, or gains most."""
        best: tuple[int, float, str] | None = None
        for number in sorted({self._obstacle[row] for row in rows} - {-1}):
            held = [row for row in rows if self._obstacle[row] == number]
            found = self._relaxed(number, held, rows, passing, wanted)
            if found is None:
                continue
            gained, cost, said = found
            if gained > have and (best is None or (gained, -cost) > (best[0], -best[1])):
                best = (gained, cost, said)
        if best is None:
            return ""
        if best[0] >= wanted:
            return f"{best[2]} this request is complete."
        return f"{best[2]} it has {best[0]} of {wanted}; no single threshold completes it."

    def _relaxed(
        self, number: int, held: Rows, rows: Rows, passing: Rows, wanted: int
    ) -> tuple[int, float, str] | None:
        """Let in what only this check keeps out, nearest first, until the request is complete."""
        check = self._part.rubric.checks[number]
        if not isinstance(check, Threshold):
            return None
        values, gaps = self._values(number, check)
        inside = set(passing)
        got, last = 0, -1
        for row in sorted((row for row in held if math.isfinite(gaps[row])), key=gaps.__getitem__):
            inside.add(row)
            now = self._chosen([row for row in rows if row in inside], wanted)
            if now > got:
                got, last = now, row
            if got >= wanted:
                break
        if last < 0:
            return None
        value = values[last]
        below = check.low is not None and value < check.low
        bound = (check.low if below else check.high) or 0.0
        new = _just_admitting(value, bound, down=below)
        said = f"At {new:g} instead of {bound:g} for {check.name}"
        return got, gaps[last] / (abs(bound) or 1.0), said

    def _chosen(self, passing: Rows, wanted: int) -> int:
        """How many would be delivered, as in :func:`sentinelqa.selection.select`."""
        share = self._part.rubric.min_distance
        if not share:
            return min(wanted, len(passing))
        taken: list[int | None] = []
        for row in sorted(passing, key=self._falling.__getitem__):
            if len(taken) >= wanted:
                break
            own = self._part.records[row].phash
            if own is None or not any(
                other is not None and (own ^ other).bit_count() / 64 < share for other in taken
            ):
                taken.append(own)
        return len(taken)

    def _more(self, rows: Rows, passed: int, wanted: int, have: int) -> str:
        if passed and have < wanted:
            more = math.ceil((wanted - have) * len(rows) / passed)
            if more <= MOST_MORE:
                return (
                    f"At its pass rate of {passed / len(rows):.0%}, about {more} more candidates."
                )
        unknown = any(self._unmeasured[row] for row in rows)
        rest = " Rejects were not measured to the end; --full measures everything."
        return "No single threshold helps; try another prompt, model or settings." + (
            rest if unknown else ""
        )

    @cached_property
    def _passes(self) -> list[bool]:
        found: list[bool] = (self._part.judgement.outcome == PASS).tolist()
        return found

    @cached_property
    def _falling(self) -> list[float]:
        found: list[float] = (-self._part.judgement.rank).tolist()
        return found

    @cached_property
    def _unmeasured(self) -> list[bool]:
        found = np.zeros(self._part.rows, bool)
        for codes in self._part.codes:
            found |= codes == UNMEASURED
        listed: list[bool] = found.tolist()
        return listed

    @cached_property
    def _obstacle(self) -> list[int]:
        """Per candidate the only check that keeps it out, by its place; -1 where there is none, or
        it has no bound that could move."""
        against = np.zeros(self._part.rows, np.int64)
        which = np.full(self._part.rows, -1, np.int64)
        checks = zip(self._part.rubric.checks, self._part.codes, strict=True)
        for number, (check, codes) in enumerate(checks):
            against += codes != PASS
            if isinstance(check, Threshold) and check.severity != "warn":
                which[(codes == FAIL) | (codes == REVIEW)] = number
        found: list[int] = np.where(against == 1, which, -1).tolist()
        return found

    def _values(self, number: int, check: Threshold) -> tuple[list[float], list[float]]:
        """The values of a check, and how far each is outside its bounds."""
        if number not in self._columns:
            values = self._part.values(check)
            self._columns[number] = (values.tolist(), missing_by(check, values).tolist())
        return self._columns[number]


def _just_admitting(value: float, bound: float, *, down: bool) -> float:
    """A short number that lets ``value`` in and differs from ``bound``."""
    for digits in (2, 3, 4):
        scale = 10**digits
        near = (math.floor if down else math.ceil)(round(value * scale, 6)) / scale
        if near != bound:
            return near
    return value
