"""A run directory as columns: what is recorded, and what each check says of it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from sentinelqa.arrow import values_of
from sentinelqa.decide import ROUNDING
from sentinelqa.files import read_json
from sentinelqa.report.parts import PAGE, Requests, Span, ids, is_large, torn
from sentinelqa.report.records import NOTHING, Record, records_between
from sentinelqa.rubric.columns import PASS, Judgement, judge
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric, Threshold
from sentinelqa.rubric.stored import StoredRun
from sentinelqa.rundir import RunDir

UNMEASURED = 4
"""The code of a check that was not looked at, because the candidate had failed already."""
CODE_NAMES = ("pass", "review", "error", "fail", "unmeasured")


class Evidence:
    """Everything that the report of a run is made from: of all of it, or of a part.

    Attributes:
        first: the row of the run's table that is the first here.
        table: the requests of the whole run.

    Raises:
        JobError: the run has no tables.
        RubricError: its rubric cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path)
        self.stored = StoredRun(path)
        self.rubric: Rubric = load_rubric(self.run.rubric, gate=False)
        self.table = Requests(self.run)
        self.first = 0
        self._span = Span(0, self.stored.rows, 0, self.table.count)
        self._texts: dict[str, list[str]] = {}

    def part(self, span: Span) -> Evidence:
        """The same run, seen through some requests that stand together. Nothing that was read is
        shared, so what a part holds is gone with it."""
        if span == self._span:
            return self
        found = Evidence.__new__(Evidence)
        found.run, found.rubric, found.table = self.run, self.rubric, self.table
        found.stored = self.stored.part(span.first, span.last)
        found.first, found._span, found._texts = span.first, span, {}
        found.facts, found.job = self.facts, self.job
        return found

    def spans(self) -> list[Span]:
        """What stands on each page of a report."""
        most = PAGE if is_large(self.rows) else self.rows
        return self.table.spans(ids(self.stored.stream("request_id")), most)

    @property
    def rows(self) -> int:
        """How many candidates there are."""
        return self.stored.rows

    @cached_property
    def requests(self) -> pa.Table:
        """The rows of the requests table."""
        return self.table.rows(self._span.first_request, self._span.last_request)

    def of_requests(self, name: str) -> list[Any]:
        """A column of the requests table; ``None`` where there is nothing."""
        found: list[Any] = self.requests.column(name).to_pylist()
        return found

    def texts(self, name: str) -> list[str]:
        """A column of text; empty where there is none."""
        if name not in self._texts:
            self._texts[name] = self.texts_once(name)
        return self._texts[name]

    def texts_once(self, name: str) -> list[str]:
        """As ``texts``, not kept: of a large part, each column takes megabytes."""
        return _as_texts(self.stored.arrow(name).to_pylist())

    def texts_of_requests(self, name: str) -> list[str]:
        """A column of the requests table as text; empty where there is none."""
        return _as_texts(self.of_requests(name))

    @cached_property
    def seeds(self) -> list[str]:
        """As text: neither a float nor a browser holds whole numbers of 63 bits."""
        column = self.stored.arrow("seed").to_pylist()
        return ["" if seed is None else str(seed) for seed in column]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, with NaN."""
        return np.asarray(self.stored.column(name), np.float64)

    @cached_property
    def outcomes(self) -> list[str]:
        """As recorded; ``open`` while a candidate is not judged."""
        return [text or "open" for text in self.texts_once("outcome")]

    def having(self, outcome: str) -> NDArray[np.bool_]:
        """Where this is the recorded outcome."""
        return np.asarray(self._outcomes == outcome, bool)

    @cached_property
    def _outcomes(self) -> NDArray[Any]:
        return np.array(self.outcomes, object)

    @cached_property
    def position(self) -> NDArray[np.int64]:
        """Row of the requests table, per candidate."""
        keys, own = (
            column.cast(pa.large_string())
            for column in (self.requests.column("request_id"), self.stored.arrow("request_id"))
        )
        found = pc.index_in(own, value_set=keys)
        if found.null_count:
            raise torn(self.run)
        return values_of(found).astype(np.int64)

    @cached_property
    def rounds(self) -> NDArray[np.int64]:
        return np.nan_to_num(self.numbers("round")).astype(np.int64)

    @cached_property
    def delivered(self) -> NDArray[np.int64]:
        """Place in the delivery from 1; 0 for what is not delivered."""
        return np.nan_to_num(self.numbers("delivered")).astype(np.int64)

    @cached_property
    def judgement(self) -> Judgement:
        """The rubric over all columns."""
        return judge(self.rubric, self.stored)

    @cached_property
    def codes(self) -> list[NDArray[np.int8]]:
        """Per check of the rubric a code per candidate; see :data:`CODE_NAMES`."""
        codes = []
        for check, found in zip(self.rubric.checks, self.judgement.checks, strict=True):
            own = found.copy()
            if check.severity != "warn":
                for source in check.sources:
                    own[~self.stored.measured(source)] = UNMEASURED
            codes.append(own)
        return codes

    def values(self, check: Threshold) -> NDArray[np.float64]:
        """What a threshold compares, rounded as it is compared; NaN where there is no value."""
        return rounded(self.stored.value(check.source, check.metric))

    def passed(self, tiers: tuple[str, ...]) -> NDArray[np.bool_]:
        """Where every check of these tiers passed."""
        passed = np.ones(self.rows, bool)
        for check, codes in zip(self.rubric.checks, self.codes, strict=True):
            if check.tier in tiers:
                passed &= codes == PASS
        return passed

    @cached_property
    def records(self) -> list[Record]:
        """The ledger's part, one per row of the table; empty records where there is no ledger."""
        if not self.stored.has_ledger or not self.rows:
            return [NOTHING] * self.rows
        keys = self.stored.arrow("request_id")
        known = records_between(self.run.ledger, str(keys[0]), str(keys[-1]))
        return [known.get(key, NOTHING) for key in self.texts_once("candidate_id")]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """How the run was made; empty where that was not written down."""
        return read_json(self.run.facts) or {}

    @cached_property
    def job(self) -> dict[str, Any]:
        """The job as it ran."""
        if not self.run.job.is_file():
            return {}
        found = yaml.safe_load(self.run.job.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}

    @property
    def scoring_only(self) -> bool:
        """Whether existing images were scored rather than any made."""
        return "generator" not in self.job if self.job else not self.run.delivered.exists()


def rounded(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers as thresholds compare them."""
    return np.asarray(np.round(np.asarray(values, np.float64), ROUNDING), np.float64)


def _as_texts(values: list[Any]) -> list[str]:
    return ["" if v is None or v != v else str(v) for v in values]
