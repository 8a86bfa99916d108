"""A run directory as columns: what is recorded, and what each check says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from sentinelqa.ledger import LedgerReader
from sentinelqa.rubric.columns import PASS, Judgement, judge
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric, Threshold
from sentinelqa.rubric.stored import StoredRun
from sentinelqa.rundir import RunDir

UNMEASURED = 4
"""The code of a check that was not looked at, because the candidate had failed already."""
CODE_NAMES = ("pass", "review", "error", "fail", "unmeasured")


@dataclass(frozen=True, slots=True)
class Record:
    """What only the ledger knows of a candidate."""

    settings: str = ""
    duplicate_of: str = ""
    phash: int | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    uncertain: tuple[str, ...] = ()


class Evidence:
    """Everything that the report of a run is made from.

    Raises:
        JobError: the run has no tables.
        RubricError: its rubric cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path)
        self.stored = StoredRun(path)
        self.rubric: Rubric = load_rubric(self.run.rubric, gate=False)
        self.requests = pd.read_parquet(self.run.table("requests").with_suffix(".parquet"))
        self._texts: dict[str, list[str]] = {}

    @property
    def rows(self) -> int:
        """How many candidates there are."""
        return self.stored.rows

    def texts(self, name: str) -> list[str]:
        """A column of text; empty where there is none."""
        if name not in self._texts:
            column = self.stored.column(name)
            self._texts[name] = ["" if v is None or v != v else str(v) for v in column]
        return self._texts[name]

    def texts_of_requests(self, name: str) -> list[str]:
        """A column of the requests table as text; empty where there is none."""
        return ["" if v is None or v != v else str(v) for v in self.requests[name].tolist()]

    @cached_property
    def seeds(self) -> list[str]:
        """As text: neither a float nor a browser holds whole numbers of 63 bits."""
        path = self.run.table("candidates").with_suffix(".parquet")
        column = pq.read_table(path, columns=["seed"]).column(0).to_pylist()
        return ["" if seed is None else str(seed) for seed in column]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, with NaN."""
        return np.asarray(self.stored.column(name), np.float64)

    @cached_property
    def outcomes(self) -> list[str]:
        """As recorded; ``open`` while a candidate is not judged."""
        return [text or "open" for text in self.texts("outcome")]

    @cached_property
    def position(self) -> NDArray[np.int64]:
        """Row of the requests table, per candidate."""
        index = {str(key): row for row, key in enumerate(self.requests["request_id"])}
        return np.array([index[key] for key in self.texts("request_id")], np.int64)

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
        found = np.asarray(self.stored.value(check.source, check.metric), np.float64)
        return np.asarray(np.round(found, 4), np.float64)

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
        if not self.stored.has_ledger:
            return [Record()] * self.rows
        known: dict[str, Record] = {}
        same: dict[Any, Any] = {}
        with LedgerReader.open(self.run.ledger) as reader:
            for found in reader.candidates():
                settings = found.candidate.settings
                if settings not in same:
                    same[settings] = json.dumps(settings.as_dict()) if settings else ""
                notes = tuple((m.dimension, m.note) for m in found.measurements if m.note)
                known[found.candidate.id] = Record(
                    settings=same[settings],
                    duplicate_of=found.duplicate_of or "",
                    phash=found.phash,
                    warnings=found.verdict.warnings if found.verdict else (),
                    notes=same.setdefault(notes, notes),
                    uncertain=tuple(m.dimension for m in found.measurements if m.uncertain),
                )
        return [known.get(key, Record()) for key in self.texts("candidate_id")]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """How the run was made; empty where that was not written down."""
        if not self.run.facts.is_file():
            return {}
        return dict(json.loads(self.run.facts.read_text(encoding="utf-8")))

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
