"""The durable record of a run: every request, candidate, measurement, verdict and delivery.

One process writes (:class:`Ledger`), any number read beside it (:class:`LedgerReader`).
"""

from sentinelqa.ledger.reader import CandidateRecord, DeliveryRecord, LedgerReader, RequestRecord
from sentinelqa.ledger.writer import Ledger, Made, ScoredCandidate

__all__ = [
    "CandidateRecord",
    "DeliveryRecord",
    "Ledger",
    "LedgerReader",
    "Made",
    "RequestRecord",
    "ScoredCandidate",
]
