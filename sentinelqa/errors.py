"""Every exception SentinelQA raises on purpose, as one tree.

::

    SentinelError
    ├── UsageError            the user can mend it; exit code 2
    │   ├── JobError              job.yaml, the requests file, a run directory of another job
    │   ├── RubricError           a rubric, or an expression in one
    │   ├── ComponentError        an unknown or broken scorer, generator or engine
    │   ├── DependencyError       an extra that is not installed
    │   ├── ModelError            a model that is unknown, missing, unpinned or altered
    │   └── LicenceError          a model that the job's licence policy refuses
    ├── RunError              something failed that should not have; exit code 3
    │   ├── GenerationError       a generator could not make an image
    │   │   └── DeviceMemoryError     one image alone does not fit into the device's memory
    │   ├── ScoringError          a feature or dimension could not be computed
    │   ├── EngineError           workers died or hung
    │   └── StorageError          the disk is full or failing
    └── LedgerError           the durable record is damaged or too new; exit code 3
        └── RunBusyError          another process works on the run; a UsageError too, exit code 2

Third-party exceptions are mapped at the edge where they appear, with ``raise ... from``.
A message says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SentinelError(Exception):
    """Base of everything that SentinelQA raises on purpose."""

    exit_code = 3


class UsageError(SentinelError):
    """Something the user can mend. ``where`` names the file, line or key; ``remedy`` what to do."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class JobError(UsageError):
    """The job, its requests or its run directory cannot be used as they are."""


class RubricError(UsageError):
    """The rubric cannot be used as it is."""


class ComponentError(UsageError):
    """A scorer, generator or engine is unknown or does not keep its contract."""


class DependencyError(UsageError):
    """A package that this work needs is not installed."""


class ModelError(UsageError):
    """A model is unknown, missing, unpinned, of the wrong task, or not what was pinned."""


class LicenceError(UsageError):
    """A model's licence does not allow what the job asks for."""


class RunError(SentinelError):
    """Something failed that should not have."""


class GenerationError(RunError):
    """A generator could not make an image."""


class DeviceMemoryError(GenerationError):
    """One image alone does not fit into the device's memory, perhaps only now."""


class ScoringError(RunError):
    """A feature or a dimension could not be computed."""


class EngineError(RunError):
    """Workers died, hung, or could not be started."""


class StorageError(RunError):
    """The disk is full or failing. No item is to blame; the run stops, and can go on later."""


class LedgerError(SentinelError):
    """The durable record is damaged, or of a version this release cannot read."""


class RunBusyError(LedgerError, UsageError):
    """Another process is working on the run."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or the list of what there is when nothing comes close."""
    candidates = sorted(known)
    close = get_close_matches(name, candidates, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(candidates)}" if candidates else "none are known"
