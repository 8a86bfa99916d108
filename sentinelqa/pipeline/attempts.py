"""What happens to work that failed: asked again alone, and given up after a few attempts."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Sequence

from sentinelqa.engines.base import Failed
from sentinelqa.errors import DeviceMemoryError, EngineError, SentinelError, StorageError
from sentinelqa.scorer import Scored
from sentinelqa.types import Candidate, Check, Outcome, Verdict

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""A candidate whose worker died or hung this often, the last time with it alone, is given up."""


DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
"""Of whatever disk, the run's or that of temporary files: no item is to blame for these."""


class Attempts:
    """Counts how often each candidate was part of what failed, for one stage.

    Args:
        stage: ``generation`` or ``scoring``; the name of the check in the verdict.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._tried: Counter[str] = Counter()

    def failed(self, failed: Failed, candidates: Sequence[Candidate]) -> Scored | None:
        """Take in a failed item.

        Returns:
            The outage to record when its only candidate is given up; ``None`` when each of
            ``candidates`` is to be asked again, alone.

        Raises:
            SentinelError: the stage itself did not load, so no item can ever be worked; or the
                disk is full or failing, so nothing that is worked can be kept.
        """
        if isinstance(failed.error, StorageError):
            raise failed.error
        if isinstance(failed.error, OSError) and failed.error.errno in DISK_ERRORS:
            raise StorageError(f"{self._stage}: {failed.error}") from failed.error
        if failed.kind == "not_loaded":
            if isinstance(failed.error, SentinelError):
                raise failed.error
            kind = type(failed.error).__name__
            raise EngineError(f"{self._stage} did not load: {kind}: {failed.error}")
        log.warning("%s of a batch failed (%s): %s", self._stage, failed.kind, failed.error)
        for candidate in candidates:
            self._tried[candidate.id] += failed.times
        if len(candidates) > 1:
            return None
        (candidate,) = candidates
        passing = failed.kind != "raised" or isinstance(failed.error, DeviceMemoryError)
        if passing and self._tried[candidate.id] < ATTEMPTS:
            return None
        del self._tried[candidate.id]
        said = str(failed.error) or type(failed.error).__name__
        return self.outage(candidate, f"{failed.kind}: {said}")

    def outage(self, candidate: Candidate, message: str) -> Scored:
        """A candidate that could not be made or scored: an ``error``, not a verdict on it."""
        reason = f"{self._stage} failed: {message}"
        check = Check(name=self._stage, tier="generic", outcome=Outcome.ERROR, reason=reason)
        verdict = Verdict(outcome=Outcome.ERROR, checks=(check,))
        return Scored.outage(candidate, verdict)
