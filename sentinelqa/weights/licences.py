"""The licence guard: which models a job may use, decided before anything loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sentinelqa.errors import LicenceError, UsageError
from sentinelqa.weights.schema import Commercial

UNKNOWN: Literal["unknown"] = "unknown"
_VARIABLE = "SENTINELQA_LICENCES"


@dataclass(frozen=True, slots=True)
class LicencePolicy:
    """What a job's owner allows.

    The environment variable ``SENTINELQA_LICENCES=commercial`` says the same for an installation;
    the stricter of the two holds.

    Attributes:
        licences: ``any`` or ``commercial``.
        acknowledged: ids of conditional licences whose conditions the owner says are met
            (``unknown`` stands for models without a stated licence).
    """

    licences: str = "any"
    acknowledged: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for value, where in ((self.licences, "licences"), (_installation(), _VARIABLE)):
            if value not in ("any", "commercial"):
                raise UsageError(
                    f"licences must be 'any' or 'commercial'; got {value!r}", where=where
                )

    @property
    def commercial(self) -> bool:
        """Whether only models that may be used commercially are allowed."""
        return "commercial" in (self.licences, _installation())

    def allows(self, licence: str, commercial: Commercial) -> bool:
        """Whether a model under this licence may be used."""
        if not self.commercial or commercial == "yes":
            return True
        return commercial != "no" and licence in self.acknowledged

    def check(
        self,
        model: str,
        licence: str,
        commercial: Commercial,
        *,
        condition: str = "",
        instead: Sequence[str] = (),
    ) -> None:
        """Refuse a model that this policy does not allow.

        Raises:
            LicenceError: by the model's name, with what to use instead.
        """
        if self.allows(licence, commercial):
            return
        others = f"use instead: {', '.join(instead)}" if instead else "use another model"
        if commercial == "no":
            what = f"model {model!r} is under {licence}, which does not allow commercial use"
            remedy = others
        elif commercial == "conditional":
            what = f"model {model!r} is under {licence}: {condition}"
            remedy = (
                f"if that holds for you, add to the job 'acknowledge: [{licence}]'; or {others}"
            )
        else:
            what = f"the licence of model {model!r} is not known"
            remedy = (
                f"if you hold the rights, add to the job 'acknowledge: [{UNKNOWN}]'; or {others}"
            )
        raise LicenceError(what, where="licences: commercial", remedy=remedy)


def _installation() -> str:
    return os.environ.get(_VARIABLE) or "any"
